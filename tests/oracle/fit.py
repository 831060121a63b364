"""The fit of one module in float64 algebra, which the scripts for T5 and for decoder-only models share. Not a script."""
import types

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


def drift(W0, D, X, Xm, alpha, ridge, rank, manual=None):
    """The change that also undoes the drift of Xm: fits X (W0+ΔW)ᵀ by Xm (W0+change)ᵀ, then cuts the change to `rank` in the metric of the
    rows. The ridges pull to the weighted mean of the ΔW; a linear that no task targets has `ridge` alone, which pulls to 0."""
    corrected, left, S = not any(d.any() for d in D), 0, 0
    for d, x, xm, m in zip(D, X, Xm, manual or [1] * len(D)):
        c = m * (W0 + d).pow(2).sum() / (x @ (W0 + d).T).pow(2).sum()
        target, H = x @ (W0 + d).T - xm @ W0.T, xm.T @ xm
        left = left + c * (target.T @ xm + alpha * (x.T @ xm).norm() * d)
        S = S + c * (H + (ridge if corrected else alpha) * H.norm() * torch.eye(len(H), dtype=H.dtype))
    change, L = torch.linalg.solve(S, left.T).T, torch.linalg.cholesky(S)
    U = torch.linalg.svd(change @ L, full_matrices=False)[0][:, :rank]
    return U @ (U.T @ change)


class Correction:
    """Which modules undo the drift: options --drift, --correct, --correct-ridge, --correct-rank, --merge-rank of the scripts."""

    OFF = dict(drift=False, correct=None, correct_ridge=1e-2, correct_rank=0, merge_rank=0)

    def __init__(self, args, own):
        self.args, self.own = types.SimpleNamespace(**{**self.OFF, **vars(args)}), own
        self.names = set().union(*own.values())
        self.most = max(self.rank_of(n) for n in self.names)

    def rank_of(self, name):
        return sum(int(torch.linalg.matrix_rank(o[name])) for o in self.own.values() if name in o)

    def more(self, modules):
        """The linears that are corrected, of {name: module}."""
        asked = self.args.correct.split(',') if self.args.correct else []
        return [n for n in modules if n.split('.')[-1] in asked and n not in self.names and 'embed' not in n]

    def solve(self, name, W0, D, X, Xm, manual=None):
        if name in self.names and not self.args.drift:
            return solve(W0, D, X, Xm, self.args.alpha, manual=manual)
        rank = (self.rank_of(name) if name in self.names else self.args.correct_rank) or self.most
        if self.args.merge_rank and (name in self.names or not self.args.correct_rank):
            rank = self.args.merge_rank
        return drift(W0, D, X, Xm, self.args.alpha, self.args.correct_ridge, rank, manual)


def correction_arguments(p):
    p.add_argument('--drift', action='store_true')
    p.add_argument('--correct', help='linears that no adapter targets: o,wo')
    p.add_argument('--correct-ridge', type=float, default=Correction.OFF['correct_ridge'])
    p.add_argument('--correct-rank', type=int, default=0)
    p.add_argument('--merge-rank', type=int, default=0)


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
