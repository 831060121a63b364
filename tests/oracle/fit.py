"""The fit of one module in dense float64 algebra, which merge_reference.py (T5) and merge_decoder.py share. Not a script."""
import torch


def solve(W0, D, X, Xm, alpha, whole=False):
    """D, X, Xm: per task ΔW (0 where not targeted), own rows, merged rows. Fits ΔW, or W0+ΔW (whole)."""
    left, right = 0, 0
    for d, x, xm in zip(D, X, Xm):
        c = (W0 + d).pow(2).sum() / (x @ (W0 + d).T).pow(2).sum()
        C, H = x.T @ xm, xm.T @ xm
        eye = torch.eye(len(H), dtype=H.dtype)
        left = left + c * (W0 + d if whole else d) @ (C + alpha * C.norm() * eye)
        right = right + c * (H + alpha * H.norm() * eye)
    return torch.linalg.solve(right, left.T).T
