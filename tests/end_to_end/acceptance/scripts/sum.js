const children = context.people.filter((age) => isChild(age, Number(context.child))).length;
const adults = context.people.length - children;
const night = adults * context.prices.adult + children * context.prices.child;
result = {total: night * context.nights, children};
