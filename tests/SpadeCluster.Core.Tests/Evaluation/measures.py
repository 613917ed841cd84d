"""Measures of anomaly maps by scikit-learn, scipy and their definitions; cases and answers are JSON on standard input and output."""
import json
import sys

import numpy as np
from scipy import ndimage
from sklearn import metrics


def main():
    json.dump([measure(case) for case in json.load(sys.stdin)], sys.stdout)


def measure(case):
    maps = [np.array(m, np.float32).reshape(-1, case["width"]) for m in case["maps"]]
    masks = [np.array(m, bool).reshape(-1, case["width"]) for m in case["masks"]]
    scores, truth = np.concatenate([m.ravel() for m in maps]), np.concatenate([m.ravel() for m in masks])
    both = truth.any() and not truth.all()
    return {
        "roc": metrics.roc_auc_score(truth, scores) if both else None,
        "ap": metrics.average_precision_score(truth, scores) if truth.any() else None,
        "f1": max(metrics.f1_score(truth, scores >= t) for t in np.unique(scores)) if truth.any() else None,
        "seg": metrics.f1_score(truth, scores > case["theta"], zero_division=0) if truth.any() else None,
        "pro30": overlap(maps, masks, 0.3),
        "pro05": overlap(maps, masks, 0.05),
        "steps": stepped_overlap(maps, masks, 0.3, 20),
        "pimo": per_image(maps, masks, 1e-5, 1e-4),
        "wide": per_image(maps, masks, 0.01, 0.5),
    }


def overlap(maps, masks, limit):
    regions, outside = [], []
    for scores, mask in zip(maps, masks):
        labels, count = ndimage.label(mask, np.ones((3, 3)))
        regions += [scores[labels == i + 1] for i in range(count)]
        outside.append(scores[~mask])
    outside = np.concatenate(outside)
    if not regions or not outside.size:
        return None
    x, y = [0.0], [0.0]
    for t in np.unique(np.concatenate([m.ravel() for m in maps]))[::-1]:
        rate, share = (outside >= t).mean(), np.mean([(r >= t).mean() for r in regions])
        if rate > limit:
            y.append(y[-1] + (share - y[-1]) * (limit - x[-1]) / (rate - x[-1]))
            x.append(limit)
            break
        x.append(rate)
        y.append(share)
    return metrics.auc(x, y) / limit


def stepped_overlap(maps, masks, limit, steps):
    regions, outside = [], []
    for scores, mask in zip(maps, masks):
        labels, count = ndimage.label(mask, np.ones((3, 3)))
        regions += [scores[labels == i + 1] for i in range(count)]
        outside.append(scores[~mask].astype(np.float64))
    outside = np.concatenate(outside)
    if not regions or not outside.size:
        return None
    points = [((outside >= t).mean(), np.mean([(r >= t).mean() for r in regions]))
              for t in np.quantile(outside, 1 - limit * np.arange(steps + 1) / steps)]
    x, y = zip(*[p for p in points if p[0] <= limit + 1e-9] or [(0.0, 0.0)])
    return float(np.trapezoid(y, x) if hasattr(np, "trapezoid") else np.trapz(y, x)) / limit


def per_image(maps, masks, low, high):
    normals = [s for s, m in zip(maps, masks) if not m.any()]
    defects = [s[m] for s, m in zip(maps, masks) if m.any()]
    if not normals or not defects:
        return None
    rate = lambda t: np.mean([(n >= t).mean() for n in normals])
    thresholds = np.append(np.unique(np.concatenate([m.ravel() for m in maps])), np.inf)
    rates = np.array([rate(t) for t in thresholds])
    ends = np.unique(np.concatenate([[low, high], rates[(rates > low) & (rates < high)]]))
    area = 0.0
    for a, b in zip(ends, ends[1:]):
        t = thresholds[rates <= (a + b) / 2].min()
        area += np.mean([(d >= t).mean() for d in defects]) * np.log(b / a)
    return area / np.log(high / low)


main()
