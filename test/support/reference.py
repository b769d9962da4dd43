"""What numpy, scipy, scikit-learn and statsmodels make of the leads in test/worker/caravan.json: the reference figures
that test/worker/reference.test.ts holds `GET /v1/reports/rules` to. Prints the file with them. To work them out anew:

    python3 test/support/reference.py test/worker/caravan.json > /tmp/caravan.json
"""
import json
import sys

import numpy as np
from scipy.stats import mannwhitneyu, norm
from scipy.stats.contingency import relative_risk
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from statsmodels.stats.proportion import proportion_confint

case = json.load(open(sys.argv[1]))
rules = case["rules"]["rules"]
ladder = case["rules"]["levels"]["temperature"]
leads = [lead for lead in case["leads"] for _ in range(lead["leads"])]
fired = np.array([[rule["id"] in lead["fired"] for rule in rules] for lead in leads], dtype=float)
bought = np.array([lead["outcome"] == "converted" for lead in leads])
points = np.array([rule["points"] for rule in rules], dtype=float)
score = fired @ points


def conversion(of):
    hits, n = int(bought[of].sum()), int(of.sum())
    low, high = proportion_confint(hits, n, alpha=0.05, method="wilson")
    return {"leads": n, "converted": hits, "rate": hits / n, "interval": [low, high]}


def rule_line(column, rule):
    has = fired[:, column] == 1
    mine, others = conversion(has), conversion(~has)
    risk = relative_risk(mine["converted"], mine["leads"], others["converted"], others["leads"])
    interval = risk.confidence_interval(confidence_level=0.95)  # the logarithm method of Katz and others
    return {
        "id": rule["id"],
        "with": mine,
        "without": others,
        "lift": risk.relative_risk,
        "liftInterval": [interval.low, interval.high],
        "coefficient": fit.coef_[0][column],
    }


def area():
    hits, misses = int(bought.sum()), int((~bought).sum())
    value = roc_auc_score(bought, score)
    pairs = mannwhitneyu(score[bought], score[~bought]).statistic / (hits * misses)
    assert abs(value - pairs) < 1e-12
    # Hanley and McNeil, Radiology 143 (1982), formulas 1 and 2.
    q1, q2 = value / (2 - value), 2 * value**2 / (1 + value)
    square = value**2
    error = np.sqrt(
        (value * (1 - value) + (hits - 1) * (q1 - square) + (misses - 1) * (q2 - square)) / (hits * misses)
    )
    half = norm.ppf(0.975) * error
    return {"value": value, "interval": [value - half, value + half], "converted": hits, "others": misses}


def level_lines():
    least = [-np.inf] + [level["when"]["score"]["gte"] for level in ladder[1:]] + [np.inf]
    return [
        {"level": level["name"], **conversion((score >= least[i]) & (score < least[i + 1]))}
        for i, level in enumerate(ladder)
    ]


# Penalty: half the sum of the squared coefficients, the intercept free; what Kelvin's PENALTY of 1 is.
fit = LogisticRegression(C=1, penalty="l2", solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(fired, bought)
case["reference"] = {
    "conversion": conversion(np.ones(len(leads), dtype=bool)),
    "auc": area(),
    "levels": level_lines(),
    "data": [rule_line(column, rule) for column, rule in enumerate(rules)],
}
json.dump(case, sys.stdout, indent=2)
