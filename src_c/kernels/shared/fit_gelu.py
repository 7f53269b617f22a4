"""The polynomials of the exact GELU in isa/real_f32.h and isa/real_f64.h.

    pip install mpmath
    python src_c/kernels/shared/fit_gelu.py

With Phi the normal distribution, t >= 0 and u = (t - k) / (t + k), it interpolates
(1 + t) * e^(t^2 / 2) * Phi(-t) at Chebyshev's points and prints the coefficients of 1, u, u^2, ...
"""

import mpmath as mp

mp.mp.dps = 60


def target(t):
    """Return what is interpolated."""
    return (1 + t) * mp.exp(t * t / 2) * mp.erfc(t / mp.sqrt(2)) / 2


def fit(center, lowest, terms):
    """Return the coefficients and the largest relative error found."""
    end = (lowest - center) / (lowest + center)  # u of the largest t; the smallest is at -1
    middle, half = (end - 1) / 2, (end + 1) / 2

    def at(u):
        return target(center * (1 + u) / (1 - u))

    points = [middle + half * mp.cos(mp.pi * (2 * i + 1) / (2 * terms)) for i in range(terms)]
    matrix = mp.matrix(terms, terms)
    for row, u in enumerate(points):
        for column in range(terms):
            matrix[row, column] = u**column
    solution = mp.lu_solve(matrix, mp.matrix([at(u) for u in points]))
    worst = 0
    for i in range(2001):
        u = -1 + (end + 1) * mp.mpf(i) / 2000
        value = mp.polyval(list(reversed(list(solution))), u)
        worst = max(worst, abs(value / at(u) - 1))
    return list(solution), worst


def main():
    """Print both tables."""
    for name, center, lowest, terms in (("float", 4.0, 15.0, 11), ("double", 4.0, 40.0, 23)):
        coefficients, worst = fit(mp.mpf(center), mp.mpf(lowest), terms)
        print(f"{name}: center {center}, relative error {mp.nstr(worst, 3)}")
        for c in coefficients:
            print(f"    {mp.nstr(c, 18)},")


if __name__ == "__main__":
    main()
