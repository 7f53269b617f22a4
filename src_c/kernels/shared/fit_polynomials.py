"""The polynomials of activations in isa/real_f32.h and isa/real_f64.h.

    pip install mpmath
    python src_c/kernels/shared/fit_polynomials.py

GELU: with Phi the normal distribution, t >= 0 and u = (t - k) / (t + k), it interpolates
(1 + t) * e^(t^2 / 2) * Phi(-t) at Chebyshev's points and prints the coefficients of 1, u, u^2, ...

Softplus: with 0 <= z <= 1 and t = z - 1 / 2, log(1 + z) / z in 1, t, t^2, ...
"""

import mpmath as mp

mp.mp.dps = 60


def gelu(t):
    """Return what is interpolated for GELU."""
    return (1 + t) * mp.exp(t * t / 2) * mp.erfc(t / mp.sqrt(2)) / 2


def softplus(z):
    """Return what is interpolated for softplus."""
    return mp.log1p(z) / z if z else mp.mpf(1)


def fit(at, low, high, terms):
    """Return a polynomial on [low, high] and the largest relative error found."""
    middle, half = (low + high) / 2, (high - low) / 2
    points = [middle + half * mp.cos(mp.pi * (2 * i + 1) / (2 * terms)) for i in range(terms)]
    matrix = mp.matrix(terms, terms)
    for row, u in enumerate(points):
        for column in range(terms):
            matrix[row, column] = u**column
    solution = list(mp.lu_solve(matrix, mp.matrix([at(u) for u in points])))
    worst = 0
    for i in range(2001):
        u = low + (high - low) * mp.mpf(i) / 2000
        value = mp.polyval(list(reversed(solution)), u)
        worst = max(worst, abs(value / at(u) - 1))
    return solution, worst


def show(name, fitted):
    """Print a table."""
    coefficients, worst = fitted
    print(f"{name}: relative error {mp.nstr(worst, 3)}")
    for c in coefficients:
        print(f"    {mp.nstr(c, 18)},")


def main():
    """Print all tables."""
    for name, center, lowest, terms in (("float", 4, 15, 11), ("double", 4, 40, 23)):
        k, end = mp.mpf(center), mp.mpf(lowest - center) / (lowest + center)
        at_u = lambda u, k=k: gelu(k * (1 + u) / (1 - u))  # noqa: E731
        show(f"GELU, {name}", fit(at_u, mp.mpf(-1), end, terms))
    for name, terms in (("float", 11), ("double", 21)):
        at_t = lambda t: softplus(t + mp.mpf(1) / 2)  # noqa: E731
        show(f"softplus, {name}", fit(at_t, mp.mpf(-1) / 2, mp.mpf(1) / 2, terms))


if __name__ == "__main__":
    main()
