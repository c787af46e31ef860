"""Generators of the field's experiments: small fact tables in, data and questions out.

Promises: everything written is a function of the tables beside this package and of fixed seeds; the
sentences are this project's own.
"""
