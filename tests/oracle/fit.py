"""The fit of one module in float64 algebra, which the scripts for T5 and for decoder-only models share. Not a script."""
import torch


def solve(W0, D, X, Xm, alpha, whole=False, manual=None):
    """D, X, Xm: per task ΔW (0 where not targeted), own rows, merged rows. Fits ΔW, or W0+ΔW (whole). manual: per task m; below 0, −ΔW is
    fitted with weight |m|."""
    left, right = 0, 0
    for d, x, xm, m in zip(D, X, Xm, manual or [1] * len(D)):
        c = (W0 + d).pow(2).sum() / (x @ (W0 + d).T).pow(2).sum()
        c = c * abs(m)
        d = d if m >= 0 else -d
        C, H = x.T @ xm, xm.T @ xm
        eye = torch.eye(len(H), dtype=H.dtype)
        left = left + c * (W0 + d if whole else d) @ (C + alpha * C.norm() * eye)
        right = right + c * (H + alpha * H.norm() * eye)
    return torch.linalg.solve(right, left.T).T


def factored(W0, pairs, grams, alpha):
    """(B, A) of W = B A, B = [s_t B_t], A = [c_t A_t G_t] (Σ c H)⁻¹. Per task: (s B, A), or None where the task does not target the
    module; and the Grams XᵀX, XᵀX̃, X̃ᵀX̃."""
    left, lefts, right = [], [], 0
    eye = torch.eye(W0.shape[1], dtype=torch.float64)
    for pair, (XX, C, H) in zip(pairs, grams):
        W = torch.addmm(W0, *pair) if pair else W0
        c = W.double().pow(2).sum() / ((W @ XX) * W).double().sum()
        H = H.double()
        right = right + c * (H + alpha * H.norm() * eye)
        if pair:
            A = pair[1].double()
            left.append(c * (A @ C.double() + alpha * C.double().norm() * A))
            lefts.append(pair[0])
    A = torch.cholesky_solve(torch.cat(left).T, torch.linalg.cholesky(right)).T
    return torch.cat(lefts, 1), A.to(torch.float32).contiguous()
