"""How sure a rate is: Wilson's interval, and whether two rates differ (Newcombe). Pure functions, 95 %."""

import math

Z = 1.959964  # 95 % of a normal distribution lie within so many deviations


def wilson(part: int, whole: int) -> tuple[float, float]:
    """The interval in which the true rate lies, 95 times of 100; (0, 1) without observations."""
    if not whole:
        return 0.0, 1.0
    share, z2 = part / whole, Z * Z
    middle = (share + z2 / (2 * whole)) / (1 + z2 / whole)
    half = Z * math.sqrt(share * (1 - share) / whole + z2 / (4 * whole * whole)) / (1 + z2 / whole)
    return max(0.0, middle - half), min(1.0, middle + half)


def difference(part_a: int, whole_a: int, part_b: int, whole_b: int) -> tuple[float, float]:
    """The interval of rate B minus rate A; both sides above zero: B is better, both below: A is."""
    if not whole_a or not whole_b:
        return -1.0, 1.0
    (low_a, high_a), (low_b, high_b) = wilson(part_a, whole_a), wilson(part_b, whole_b)
    rate_a, rate_b = part_a / whole_a, part_b / whole_b
    below = math.hypot(rate_b - low_b, high_a - rate_a)
    above = math.hypot(high_b - rate_b, rate_a - low_a)
    return rate_b - rate_a - below, rate_b - rate_a + above
