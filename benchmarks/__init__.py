"""Measurements of speed and memory; docs/performance.md shows the results.

`python -m benchmarks` (`make bench`) measures on the CPU and writes results/bench.json, `python -m
benchmarks.growth` (`make growth`) and `python -m benchmarks.gpu` the two things that take longer or
another machine. Each puts its section into docs/performance.json and its tables into
docs/performance.md. Every part is a module that says in its docstring what it measures.

Machines are noisy and shared. So times are processor times of one thread, contenders take turns,
and a ratio is taken within a turn: the tables give the median over turns and the range.
"""
