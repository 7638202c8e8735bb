function isChild(age, limit) {
  return age < limit;
}
