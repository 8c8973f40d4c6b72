#!/usr/bin/env python3
"""Computes the inputs and the expected results of the examples with NumPy in double precision, without Lepton.

Run it only when an example changes: python3 examples/expected.py (needs python3-numpy). Its files are kept in examples/data."""
import os
import numpy as np

data = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
os.makedirs(data, exist_ok=True)


def save(name, value, dtype=np.float32):
    np.save(os.path.join(data, name + ".npy"), np.asarray(value).astype(dtype))


def philox(key, counter, stream):
    """Philox 4x32-10 (Salmon et al., SC 2011) for an array of counters: two 64-bit words."""
    mask = np.uint64(0xFFFFFFFF)
    x = [counter & mask, counter >> np.uint64(32), np.full_like(counter, stream & 0xFFFFFFFF), np.full_like(counter, stream >> 32)]
    k0, k1 = key & 0xFFFFFFFF, key >> 32
    for _ in range(10):
        a, b = x[0] * np.uint64(0xD2511F53), x[2] * np.uint64(0xCD9E8D57)
        x = [(b >> np.uint64(32)) ^ x[1] ^ np.uint64(k0), b & mask, (a >> np.uint64(32)) ^ x[3] ^ np.uint64(k1), a & mask]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return x[0] | (x[1] << np.uint64(32)), x[2] | (x[3] << np.uint64(32))


def uniform(shape, seed, low=0.0, high=1.0, stream=0):
    bits, _ = philox(seed, np.arange(int(np.prod(shape)), dtype=np.uint64), stream)
    u = (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return (low + (high - low) * u).astype(np.float32).astype(np.float64).reshape(shape)


def normal(shape, seed, mean=0.0, deviation=1.0, stream=0):
    a, b = philox(seed, np.arange(int(np.prod(shape)), dtype=np.uint64), stream)
    u = ((a >> np.uint64(11)) + np.uint64(1)).astype(np.float64) * 2.0**-53
    v = (b >> np.uint64(11)).astype(np.float64) * 2.0**-53
    z = mean + deviation * np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * v)
    return z.astype(np.float32).astype(np.float64).reshape(shape)


def stream_of(name):
    """FNV-1a of a parameter's name."""
    h = 14695981039346656037
    for c in name:
        h = ((h ^ ord(c)) * 1099511628211) & (2**64 - 1)
    return h


def param(name, shape, kind, *limits):
    """A parameter as `leptonc run --seed 0` initialises it."""
    if kind == "zeros":
        return np.zeros(shape)
    window = int(np.prod(shape[2:]))
    fan_in, fan_out = (shape[0], shape[1]) if len(shape) == 2 else (shape[1] * window, shape[0] * window) if len(shape) > 2 else (shape[0],) * 2
    if kind == "glorot":
        limit = np.sqrt(6.0 / (fan_in + fan_out))
        return uniform(shape, 0, -limit, limit, stream_of(name))
    if kind == "he":
        return normal(shape, 0, 0.0, np.sqrt(2.0 / fan_in), stream_of(name))
    return uniform(shape, 0, *limits, stream_of(name))


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def relu(x):
    return np.maximum(x, 0)


# wave, affine, matmul_loss
x = np.array([1.0, 2.0, 3.0])
save("wave.x", x)
save("wave.y", np.sin(x) + np.cos(x * x) + np.exp(x))
save("affine.a", [2, 3])
save("affine.x", [4, 5])
save("affine.y", [9, 16])
a, b, t = normal((5, 7), 1), normal((7, 3), 2), normal((5, 3), 3)
save("matmul_loss.loss", np.mean((a @ b - t) ** 2))

# mlp
x = uniform((4, 784), 7)
w1, b1 = param("w1", (784, 128), "glorot"), param("b1", (128,), "uniform", -0.1, 0.1)
w2, b2 = param("w2", (128, 10), "glorot"), param("b2", (10,), "uniform", -0.1, 0.1)
save("mlp.p", softmax(relu(x @ w1 + b1) @ w2 + b2))

# pruned_mlp
x = uniform((784,), 7)
w1, b1 = param("w1", (784, 1024), "uniform", -0.2, 0.2), param("b1", (1024,), "uniform", -0.1, 0.1)
w2, b2 = param("w2", (1024, 1024), "uniform", -0.2, 0.2), param("b2", (1024,), "uniform", -0.1, 0.1)
w3, b3 = param("w3", (1024, 10), "uniform", -0.2, 0.2), param("b3", (10,), "uniform", -0.1, 0.1)
w1, w2 = (np.where(np.abs(w) < np.float32(0.18), 0, w) for w in (w1, w2))
save("pruned_mlp.p", softmax(relu(relu(x @ w1 + b1) @ w2 + b2) @ w3 + b3))

# cnn
x = uniform((2, 1, 28, 28), 7)
k1, c1 = param("k1", (32, 1, 3, 3), "he"), param("c1", (32,), "uniform", -0.1, 0.1)
windows = np.lib.stride_tricks.sliding_window_view(x[:, 0], (3, 3), axis=(1, 2))
conv = np.einsum("bijrs,ors->boij", windows, k1[:, 0])
m = relu(conv + c1[:, None, None]).reshape(2, 32, 13, 2, 13, 2).max((3, 5))
h = relu(m.reshape(2, -1) @ param("w1", (5408, 64), "glorot"))
save("cnn.p", softmax(h @ param("w2", (64, 10), "glorot")))

# rnn
x = normal((5, 2, 16), 3)
wx, wh, bh = param("wx", (16, 32), "glorot"), param("wh", (32, 32), "glorot"), param("bh", (32,), "uniform", -0.1, 0.1)
h, hs = np.zeros((2, 32)), []
for t in range(5):
    h = np.tanh(x[t] @ wx + h @ wh + bh)
    hs.append(h)
save("rnn.hs", hs)
save("rnn.last", h)

# attention
x = normal((2, 6, 64), 5)
heads = [(x @ param(w, (64, 64), "glorot")).reshape(2, 6, 8, 8).transpose(0, 2, 1, 3) for w in ("wq", "wk", "wv")]
p = softmax(heads[0] @ heads[1].transpose(0, 1, 3, 2) / np.sqrt(8))
save("attention.y", (p @ heads[2]).transpose(0, 2, 1, 3).reshape(2, 6, 64) @ param("wo", (64, 64), "glorot"))

# blur_edges: circles and a square
yy, xx = np.mgrid[0:96, 0:128]
picture = np.where((xx - 40) ** 2 + (yy - 48) ** 2 < 900, 200, 30) + np.where((abs(xx - 95) < 20) & (abs(yy - 40) < 20), 40, 0)
picture = (picture + (xx + yy) % 16).astype(np.uint8)
with open(os.path.join(data, "blur_edges.picture.pgm"), "wb") as f:
    f.write(b"P5\n128 96\n255\n" + picture.tobytes())


def shifted(z, i, j):
    return np.pad(z, 1, mode="edge")[1 + i : 1 + i + z.shape[0], 1 + j : 1 + j + z.shape[1]]


z = picture.astype(np.float64)
z = sum(shifted(z, i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)) / 9
gx = sum(w * (shifted(z, i, 1) - shifted(z, i, -1)) for i, w in ((-1, 1), (0, 2), (1, 1)))
gy = sum(w * (shifted(z, 1, j) - shifted(z, -1, j)) for j, w in ((-1, 1), (0, 2), (1, 1)))
g = np.sqrt(gx * gx + gy * gy)
save("blur_edges.edges", np.round(255 * g / max(g.max(), 1)), np.uint8)

# heat
u = np.zeros((24, 32))
u[0, :] = 100
save("heat.start", u)
n = 0
while True:
    v = u.copy()
    v[1:-1, 1:-1] += 0.25 * (u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4 * u[1:-1, 1:-1])
    moved, u, n = np.abs(v - u).max(), v, n + 1
    if moved < 1e-3 or n == 2000:
        break
save("heat.plate", u)
print("heat: steps in double precision", n)

def save_sparse(name, value):
    """As scipy.sparse.save_npz writes a matrix of compressed rows."""
    rows, columns = np.nonzero(value)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(value)))]).astype(np.int32)
    np.savez_compressed(
        os.path.join(data, name + ".npz"), indices=columns.astype(np.int32), indptr=indptr, format=np.array(b"csr"), shape=np.array(value.shape),
        data=value[rows, columns].astype(np.float32))


# pagerank
link = (uniform((8, 8), 11) < 0.3) * 1.0
link[3] = 0
save_sparse("pagerank.link", link)
out = link.sum(1, keepdims=True)
m = np.where(out > 0, link / np.maximum(out, 1), 1 / 8)
r = np.full(8, 1 / 8)
for _ in range(200):
    r = 0.15 / 8 + 0.85 * r @ m
save("pagerank.rank", r)

# conjugate_gradient: the Poisson equation on a grid of 12 by 12 points
n = 12
one = 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
poisson = np.kron(one, np.eye(n)) + np.kron(np.eye(n), one)
b = normal((n * n,), 21)
save_sparse("conjugate_gradient.a", poisson)
save("conjugate_gradient.b", b)
save("conjugate_gradient.x", np.linalg.solve(poisson, b))

# graph_attention: node 4 has no neighbours
edge = (uniform((10, 10), 31) < 0.3) * 1.0
edge[4] = 0
q, k, v = normal((10, 8), 32), normal((10, 8), 33), normal((10, 5), 34)
score = np.where(edge > 0, q @ k.T / np.sqrt(8), -np.inf)
weight = np.exp(score - np.where(edge.any(1), score.max(1, initial=-1e30), 0)[:, None])
weight = weight / np.maximum(weight.sum(1, keepdims=True), 1e-30)
save_sparse("graph_attention.edge", edge)
for name, value in (("q", q), ("k", k), ("v", v), ("y", weight @ v)):
    save(f"graph_attention.{name}", value)

# recommend
rating = np.where(uniform((12, 9), 41) < 0.4, 1 + 4 * uniform((12, 9), 42), 0).astype(np.float32).astype(np.float64)
users, things = uniform((12, 3), 43), uniform((9, 3), 44)
save_sparse("recommend.rating", rating)
save("recommend.users", users)
save("recommend.things", things)
for _ in range(50):
    error = np.where(rating != 0, rating - users @ things.T, 0)
    users, things = 0.998 * users + 0.02 * error @ things, 0.998 * things + 0.02 * error.T @ users
save("recommend.u", users)
save("recommend.t", things)
save("recommend.loss", (np.where(rating != 0, rating - users @ things.T, 0) ** 2).sum())

# kmeans
x = np.concatenate([normal((20, 2), s, 0, 0.5) + c for s, c in ((1, [0, 0]), (2, [4, 4]), (3, [0, 5]))]).astype(np.float32).astype(np.float64)
save("kmeans.x", x)
c = x[[0, 1, 20]]
save("kmeans.start", c)
for _ in range(10):
    label = ((x[:, None] - c[None]) ** 2).sum(-1).argmin(1)
    c = np.array([x[label == k].mean(0) if (label == k).any() else c[k] for k in range(3)])
save("kmeans.centres", c)
save("kmeans.label", ((x[:, None] - c[None]) ** 2).sum(-1).argmin(1), np.int64)

# mandelbrot in single precision, step by step, because the border of the set forgives nothing
f = np.float32
cr = (f(-2.2) + f(3.2) * np.arange(320, dtype=f) / f(320))[None, :].repeat(240, 0)
ci = (f(-1.2) + f(2.4) * np.arange(240, dtype=f) / f(240))[:, None].repeat(320, 1)
zr, zi, steps = np.zeros_like(cr), np.zeros_like(cr), np.zeros_like(cr)
for _ in range(100):
    inside = zr * zr + zi * zi <= 4
    zr, zi = np.where(inside, zr * zr - zi * zi + cr, zr), np.where(inside, f(2) * zr * zi + ci, zi)
    steps += inside
save("mandelbrot.picture", (steps * f(2.55)).astype(np.uint8), np.uint8)
