"""The JSON that commands print: one model for each shape, of what only the command line says.

A run, results and a verification have their models in the services; these here build on them.
"""
