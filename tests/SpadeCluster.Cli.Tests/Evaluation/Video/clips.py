"""Figures of clips by numpy and scikit-learn, from the maps that a test recorded. Arguments: folder of the data set, folder of the maps."""
import json
import os
import sys

import numpy as np
from sklearn.metrics import roc_auc_score

root, maps = sys.argv[1:]
frames, gates, scores, truth, pixels = [], [], [], [], []
for clip in sorted(os.listdir(f"{root}/testing/frames")):
    mask = np.load(f"{root}/test_pixel_mask/{clip}.npy")
    recorded = np.fromfile(f"{maps}/{clip}.f32", "<f4").reshape(len(mask), -1)
    gates += list(recorded[:, 0])
    scores += list(recorded[:, 1])
    side = round((recorded.shape[1] - 2) ** 0.5)
    # Nearest pixel of the mask for the centre of each pixel of the map.
    rows = ((np.arange(side) + 0.5) * mask.shape[1] / side).astype(int)
    columns = ((np.arange(side) + 0.5) * mask.shape[2] / side).astype(int)
    truth.append(mask[:, rows][:, :, columns].reshape(-1) != 0)
    pixels.append(recorded[:, 2:].reshape(-1))
    frames += list(np.load(f"{root}/test_frame_mask/{clip}.npy") != 0)
print(json.dumps({
    "gate": roc_auc_score(frames, gates),
    "score": roc_auc_score(frames, scores),
    "pixel": roc_auc_score(np.concatenate(truth), np.concatenate(pixels)),
}))
