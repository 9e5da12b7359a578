"""The input and output shell: carries inputs to the machines, executes their outputs."""
