# average: weights only; no samples, no order.

grams_merged =
solve_grams =
