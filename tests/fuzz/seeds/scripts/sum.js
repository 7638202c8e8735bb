result = {sum: Number(context.n) + 1, all: context};
