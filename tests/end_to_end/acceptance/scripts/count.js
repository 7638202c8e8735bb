result = context.fees.length + context.members.length;
