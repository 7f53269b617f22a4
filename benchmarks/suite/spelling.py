"""What each form of an argument costs: lines that should lie on each other."""

from functools import cache

import forms


@cache
def calls():
    """Return name -> call, the usual form of each way included."""
    found = {"function, usual form": forms.functional()}
    for name, usual, other, _ in forms.cases():
        if name.startswith("operator"):
            found["operator, usual form"] = usual
        found[name] = other
    return found


class Forms:
    """A 4x4x64 layer with its arguments in other words."""

    params = (list(calls()),)
    param_names = ("form",)
    warmup_time = 0.05
    sample_time = 0.02
    repeat = (5, 20, 0.6)

    def time_form(self, form):
        """One call."""
        calls()[form]()
