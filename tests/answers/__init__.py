"""Answers to the exercises, chapter by chapter: right ones written differently, and wrong ones that look right.

Each module holds RIGHT, answers that must be accepted, and WRONG, pairs of an answer and a piece of the hint that it
must get. test_exercises.py gives them to the checks.
"""
