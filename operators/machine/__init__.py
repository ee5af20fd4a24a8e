"""Machine code for the kernels: functions in a small typed part of Python, lowered to LLVM and compiled as one library.

The language: `int` is 64 bits and wraps, `float` is a double, `bool`; arrays of one dimension are parameters only. Every parameter and
result is annotated, a local has the type of its first assignment. There are assignments, `if`, `while`, `for … in range`, `break`,
`continue`, `return`, calls of other such functions and of the operations in `operators.machine.operations`; constants come from the
module. Nothing allocates, nothing is checked at run time, nothing holds the GIL. What is not in the language is refused with its file and
line when the library is compiled.

Why not a general compiler: the kernels are one program of some hundred functions; compiled function by function, with types inferred and
every function optimised again in each of its callers, they took ten times as long (docs/decisions/0003-kernel-compiler.md).
"""
