"""Worksheets of the sample crawl: problems whose numbers and solutions are computed.

Each generator writes the body of one page in the mark-up of markup.py. The numbers are
fixed ones, chosen so that answers come out well; nothing here is random.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from math import comb, gcd, isqrt

Generator = Callable[[], str]


def _fraction(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    sign = "-" if value < 0 else ""
    return f"{sign}\\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def _signed(number: int, letter: str = "") -> str:
    """A term with its sign in front, as it stands inside a sum."""
    size = "" if letter and abs(number) == 1 else str(abs(number))
    return f"{'-' if number < 0 else '+'} {size}{letter}"


def _sheet(opening: str, problems: Iterable[tuple[str, str]]) -> str:
    parts = [opening]
    for number, (problem, solution) in enumerate(problems, 1):
        parts.append(f"## Problem {number}\n\n{problem}\n\n**Solution.** {solution}")
    return "\n\n".join(parts)


def quadratics() -> str:
    """Quadratic equations with integer roots."""

    def one(r: int, s: int) -> tuple[str, str]:
        p, q = -(r + s), r * s
        return (
            f"Solve $x^2 {_signed(p, 'x')} {_signed(q)} = 0$.",
            f"We look for two numbers with the product ${q}$ and the sum ${r + s}$. These are "
            f"${r}$ and ${s}$, so the equation is $(x {_signed(-r)})(x {_signed(-s)}) = 0$ and its "
            f"solutions are $x = {r}$ and $x = {s}$.",
        )

    return _sheet(
        "Factor each equation. If you cannot see the factors, the formula will find them.",
        [one(3, 5), one(-2, 7), one(-4, -9), one(6, -11), one(8, 12)],
    )


def linear_systems() -> str:
    """Two linear equations with two unknowns."""

    def one(a: int, b: int, c: int, d: int, x: int, y: int) -> tuple[str, str]:
        e, f, det = a * x + b * y, c * x + d * y, a * d - b * c
        return (
            f"Find $x$ and $y$ with ${a}x {_signed(b, 'y')} = {e}$ and ${c}x {_signed(d, 'y')} = "
            f"{f}$.",
            f"Multiply the first equation by ${d}$ and the second by ${b}$ and subtract: "
            f"${det}x = {e * d - f * b}$, therefore $x = {x}$. Put this into the first equation: "
            f"${b}y = {e} - {a * x if a * x >= 0 else f'({a * x})'} = {b * y}$ and $y = {y}$.",
        )

    return _sheet(
        "Two equations, two unknowns. Eliminate one of them, then go back for the other.",
        [
            one(2, 3, 5, -1, 4, 1),
            one(3, -2, 4, 7, 6, 5),
            one(7, 4, 2, 9, -1, 3),
            one(5, 6, 3, 2, 2, -3),
        ],
    )


def euclid() -> str:
    """Greatest common divisors, step by step."""

    def one(a: int, b: int) -> tuple[str, str]:
        lines, m, n = [], a, b
        while n:
            lines.append(f"{m} &= {m // n} \\cdot {n} + {m % n}")
            m, n = n, m % n
        steps = " \\\\ ".join(lines)
        return (
            f"Compute $\\gcd({a}, {b})$ and the least common multiple.",
            f"Divide again and again: $$\\begin{{aligned}} {steps} \\end{{aligned}}$$ The last "
            f"divisor is $\\gcd({a}, {b}) = {m}$, and the least common multiple is "
            f"$\\frac{{{a} \\cdot {b}}}{{{m}}} = {a * b // m}$.",
        )

    return _sheet(
        "The product of two numbers equals their greatest common divisor times their least "
        "common multiple. So one computation gives both.",
        [one(84, 60), one(1071, 462), one(987, 610), one(3315, 2730)],
    )


def derivatives() -> str:
    """Extrema of cubic functions."""

    def one(r: int, s: int, c: int) -> tuple[str, str]:
        # f' = 6 (x - r)(x - s), so f = 2x^3 - 3(r+s)x^2 + 6rs x + c.
        b, d = -3 * (r + s), 6 * r * s

        def value(x: int) -> int:
            return 2 * x**3 + b * x**2 + d * x + c

        return (
            f"Find the local extrema of $f(x) = 2x^3 {_signed(b, 'x^2')} {_signed(d, 'x')} "
            f"{_signed(c)}$.",
            f"The derivative is $f'(x) = 6x^2 {_signed(2 * b, 'x')} {_signed(d)} = "
            f"6(x {_signed(-r)})(x {_signed(-s)})$. It is positive left of ${r}$, negative between "
            f"${r}$ and ${s}$ and positive again behind. So there is a maximum at $x = {r}$ with "
            f"the "
            f"value ${value(r)}$ and a minimum at $x = {s}$ with the value ${value(s)}$.",
        )

    return _sheet(
        "Where the derivative changes its sign the function turns round.",
        [one(1, 4, 2), one(-2, 3, 10), one(-5, -1, 6), one(2, 6, -9)],
    )


def integrals() -> str:
    """Areas between a parabola and a line."""

    def one(a: int, b: int) -> tuple[str, str]:
        # The line through the points of y = x^2 over a and b is y = (a+b)x - ab.
        return (
            f"Which area do the parabola $y = x^2$ and the line $y = {a + b}x {_signed(-a * b)}$ "
            f"enclose?",
            f"They meet where $x^2 {_signed(-(a + b), 'x')} {_signed(a * b)} = 0$, at $x = {a}$ "
            f"and "
            f"$x = {b}$. In between the line is above, and $$\\int_{{{a}}}^{{{b}}} \\left( "
            f"{a + b}x {_signed(-a * b)} - x^2 \\right) dx = \\frac{{({b} "
            f"{_signed(-a)})^3}}{{6}} = "
            f"{_fraction(Fraction((b - a) ** 3, 6))}.$$",
        )

    return _sheet(
        "Sketch both curves first. The integrand is always the upper minus the lower one.",
        [one(1, 3), one(-1, 4), one(-3, 5), one(2, 6)],
    )


def binomial() -> str:
    """Probabilities from the binomial distribution."""

    def one(n: int, k: int, p: Fraction, story: str) -> tuple[str, str]:
        chance = comb(n, k) * p**k * (1 - p) ** (n - k)
        return (
            story,
            f"The number of successes is binomial with $n = {n}$ and $p = {_fraction(p)}$, so the "
            f"probability is $$\\binom{{{n}}}{{{k}}} \\left({_fraction(p)}\\right)^{{{k}}} "
            f"\\left({_fraction(1 - p)}\\right)^{{{n - k}}} = {comb(n, k)} \\cdot "
            f"{_fraction(p**k * (1 - p) ** (n - k))} = {_fraction(chance)} \\approx "
            f"{float(chance):.4f}.$$",
        )

    return _sheet(
        "In each problem the same trial is repeated independently.",
        [
            one(5, 3, Fraction(1, 2), "A coin is tossed five times. How likely are exactly three "
                "heads?"),
            one(4, 2, Fraction(1, 6), "Four dice are thrown. How likely is it to see exactly two "
                "sixes?"),
            one(6, 0, Fraction(1, 3), "Each of six guests is late with probability one third, "
                "whatever the others do. How likely is it that all six are on time?"),
            one(8, 1, Fraction(1, 4), "A test has eight questions with four answers each. Somebody "
                "guesses blindly. How likely is exactly one correct answer?"),
        ],
    )  # fmt: skip


def eigenvalues() -> str:
    """Eigenvalues of small matrices."""

    def one(a: int, b: int, c: int, d: int) -> tuple[str, str]:
        trace, det = a + d, a * d - b * c
        root = isqrt(trace**2 - 4 * det)
        low, high = (trace - root) // 2, (trace + root) // 2
        return (
            f"Find the eigenvalues of $A = \\begin{{pmatrix}} {a} & {b} \\\\ {c} & {d} "
            f"\\end{{pmatrix}}$ "
            "and an eigenvector for the larger one.",
            f"The characteristic polynomial is $\\lambda^2 {_signed(-trace, chr(92) + 'lambda')} "
            f"{_signed(det)}$ with the zeros ${low}$ and ${high}$. For $\\lambda = {high}$ the "
            f"first row "
            f"of $A - \\lambda I$ reads $({a - high}, {b})$, so $v = \\begin{{pmatrix}} {b} \\\\ "
            f"{high - a} \\end{{pmatrix}}$ is an eigenvector.",
        )

    return _sheet(
        "For a matrix with two rows you need only the trace and the determinant.",
        [one(4, 1, 2, 3), one(1, 6, 1, 2), one(5, 2, 2, 2), one(7, -3, 4, -1)],
    )


def arithmetic_series() -> str:
    """Sums of arithmetic sequences in words and symbols."""

    def one(first: int, step: int, n: int, story: str) -> tuple[str, str]:
        last = first + (n - 1) * step
        total = n * (first + last) // 2
        return (
            story,
            f"This is an arithmetic sequence with $a_1 = {first}$, $d = {step}$ and $n = {n}$. "
            f"The last "
            f"term is $a_n = {first} + {n - 1} \\cdot {step} = {last}$, and the sum is "
            f"$\\frac{{n}}{{2}}(a_1 + a_n) = \\frac{{{n}}}{{2}} \\cdot {first + last} = {total}$.",
        )

    return _sheet(
        "Pair the first term with the last, the second with the last but one, and so on.",
        [
            one(12, 4, 15, "A hall has 15 rows. There are 12 seats in the first and 4 more in each "
                "following row. How many seats are there?"),
            one(50, 25, 12, "Jonas saves 50 euros in January and each month 25 euros more than "
                "in the month before. How much has he saved by the end of December?"),
            one(3, 5, 40, "What is the sum of the first forty numbers of the sequence 3, 8, 13, "
                "18 and so on?"),
            one(7, 7, 28, "Add up all multiples of seven below two hundred."),
        ],
    )  # fmt: skip


def modular() -> str:
    """Linear congruences."""

    def one(a: int, b: int, m: int) -> tuple[str, str]:
        g = gcd(a, m)
        if b % g:
            return (
                f"Solve ${a}x \\equiv {b} \\pmod{{{m}}}$.",
                f"Here $\\gcd({a}, {m}) = {g}$ divides ${a}x$ and ${m}$ but not ${b}$. There is "
                f"no solution.",
            )
        inverse = pow(a // g, -1, m // g)
        x = inverse * (b // g) % (m // g)
        reduced = (
            "" if g == 1 else f"Divide by ${g}$: ${a // g}x \\equiv {b // g} \\pmod{{{m // g}}}$. "
        )
        return (
            f"Solve ${a}x \\equiv {b} \\pmod{{{m}}}$.",
            f"{reduced}The inverse of ${a // g}$ modulo ${m // g}$ is ${inverse}$, since "
            f"${a // g} \\cdot "
            f"{inverse} = {a // g * inverse}$ leaves the remainder $1$. Multiplying both sides "
            f"gives "
            f"$x \\equiv {x} \\pmod{{{m // g}}}$.",
        )

    return _sheet(
        "A congruence may have one class of solutions, several, or none. Look at the greatest "
        "common divisor first.",
        [one(5, 3, 11), one(14, 6, 20), one(9, 5, 15), one(23, 17, 60), one(12, 30, 54)],
    )


def heron() -> str:
    """Triangles with integer sides and area."""

    def one(a: int, b: int, c: int) -> tuple[str, str]:
        doubled = a + b + c
        s = Fraction(doubled, 2)
        area = isqrt(int(s * (s - a) * (s - b) * (s - c)))
        return (
            f"A triangle has sides of length ${a}$, ${b}$ and ${c}$. Find its area and the "
            f"height on "
            f"the side ${c}$.",
            f"With the semi-perimeter $s = {_fraction(s)}$ Heron's formula gives $F = "
            f"\\sqrt{{s(s-{a})"
            f"(s-{b})(s-{c})}} = \\sqrt{{{area**2}}} = {area}$. The height is $h = "
            f"\\frac{{2F}}{{{c}}} = "
            f"{_fraction(Fraction(2 * area, c))}$.",
        )

    return _sheet(
        "Heron of Alexandria computed the area of a triangle from its sides alone.",
        [one(9, 10, 17), one(10, 13, 13), one(25, 39, 56), one(7, 15, 20)],
    )


def complex_numbers() -> str:
    """Products, quotients and absolute values of complex numbers."""

    def one(a: int, b: int, c: int, d: int) -> tuple[str, str]:
        real, imaginary = a * c - b * d, a * d + b * c
        norm = c * c + d * d
        over_r, over_i = Fraction(a * c + b * d, norm), Fraction(b * c - a * d, norm)
        join = "-" if over_i < 0 else "+"
        return (
            f"Let $z = {a} {_signed(b, 'i')}$ and $w = {c} {_signed(d, 'i')}$. Compute $zw$, "
            f"$\\frac{{z}}{{w}}$ and $|w|^2$.",
            f"Multiply out and use $i^2 = -1$: $zw = {real} {_signed(imaginary, 'i')}$. Next, "
            f"$|w|^2 = "
            f"{norm}$. For the quotient multiply top and bottom by $\\overline{{w}}$: "
            f"$$\\frac{{z}}{{w}} = "
            f"{_fraction(over_r)} {join} {_fraction(abs(over_i))} i.$$",
        )

    return _sheet(
        "Calculate as you always do, and replace the square of $i$ by $-1$ whenever you meet it.",
        [one(3, 2, 1, -1), one(5, -1, 2, 3), one(-4, 7, 1, 2), one(6, 5, 4, -3)],
    )


GENERATORS: dict[str, Generator] = {
    function.__name__: function
    for function in (
        quadratics, linear_systems, euclid, derivatives, integrals, binomial,
        eigenvalues, arithmetic_series, modular, heron, complex_numbers,
    )
}  # fmt: skip
