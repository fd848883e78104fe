"""Single mistakes and equivalent rewritings of model answers, made without looking at the checker.

`latex` reads the formulas of a model answer, `worlds` computes what they speak of with plain
floating-point numbers, `truth` says whether a statement holds. `mistakes` make one thing wrong,
`rewritings` change the form alone; both are text surgery, and both are verified by `truth`.
"""
