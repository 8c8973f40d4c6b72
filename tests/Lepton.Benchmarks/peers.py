"""The Python peers of the benchmark: PyTorch, NumPy, SciPy and Numba, told line by line (JSON) what to do; PythonPeers.cs is the other side.

    {"do": "load", "workload": W, "inputs": {name: file.npy}}   answers {"peers": [...]}: everybody here who can compute W
    {"do": "time", "peer": P, "seconds": S}                     answers {"seconds": median of one run}
    {"do": "output", "peer": P, "path": F}                      writes what the last run computed
    {"do": "forget", "peer": P}
"""
import json
import os
import sys
import time
import warnings

warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")

# The numbers go to the pipe; whatever a library prints goes to where messages go.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

libraries, missing = {}, []
for name in ["torch", "numpy", "scipy", "numba"]:
    try:
        libraries[name] = __import__("scipy.ndimage").ndimage if name == "scipy" else __import__(name)
    except ImportError:
        missing.append(name)
np, torch, numba, ndimage = (libraries.get(n) for n in ("numpy", "torch", "numba", "scipy"))
sparse = __import__("scipy.sparse").sparse if ndimage else None
threads = int(os.environ["OMP_NUM_THREADS"])
if torch:
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)

workloads = {}  # workload: {peer: function of the inputs that gives a function without arguments that computes and returns the result}


def peer(library, workload, name=None):
    def add(prepare):
        if libraries.get(library):
            workloads.setdefault(workload, {})[name or library] = (library, prepare)
        return prepare
    return add


@peer("torch", "wave")
def _(i):
    x = i["x"]
    return lambda: torch.sin(x) + torch.cos(x * x) + torch.exp(x)


@peer("torch", "wave", "torchjit")
def _(i):
    def wave(x):
        return torch.sin(x) + torch.cos(x * x) + torch.exp(x)
    script = torch.jit.trace(wave, i["x"])
    return lambda: script(i["x"])


@peer("numpy", "wave")
def _(i):
    x = i["x"]
    return lambda: np.sin(x) + np.cos(x * x) + np.exp(x)


@peer("numba", "wave")
def _(i):
    x, y = i["x"], np.empty_like(i["x"])

    @numba.njit(parallel=threads > 1, fastmath=True)
    def wave(x, y):
        for k in numba.prange(x.shape[0]):
            y[k] = np.sin(x[k]) + np.cos(x[k] * x[k]) + np.exp(x[k])
        return y
    return lambda: wave(x, y)


@peer("torch", "multiply_add")
def _(i):
    one, y = torch.ones(1), torch.empty_like(i["a"])
    return lambda: torch.addcmul(one, i["a"], i["b"], out=y)


@peer("numpy", "multiply_add")
def _(i):
    y = np.empty_like(i["a"])

    def run():
        np.multiply(i["a"], i["b"], out=y)
        return np.add(y, np.float32(1), out=y)
    return run


@peer("numba", "multiply_add")
def _(i):
    a, b, y = i["a"], i["b"], np.empty_like(i["a"])

    @numba.njit(parallel=threads > 1, fastmath=True)
    def multiply_add(a, b, y):
        for k in numba.prange(a.shape[0]):
            y[k] = a[k] * b[k] + np.float32(1)
        return y
    return lambda: multiply_add(a, b, y)


@peer("torch", "matmul")
def _(i):
    y = torch.empty_like(i["a"])
    return lambda: torch.mm(i["a"], i["b"], out=y)


@peer("numpy", "matmul")
def _(i):
    y = np.empty_like(i["a"])
    return lambda: np.matmul(i["a"], i["b"], out=y)


@peer("torch", "softmax")
def _(i):
    return lambda: torch.softmax(i["x"], 1)


@peer("torch", "layer_norm")
def _(i):
    return lambda: torch.nn.functional.layer_norm(i["x"], i["gain"].shape, i["gain"], i["bias"])


@peer("torch", "row_sum")
def _(i):
    return lambda: i["x"].sum(1)


@peer("numpy", "row_sum")
def _(i):
    return lambda: i["x"].sum(1)


@peer("torch", "sort")
def _(i):
    return lambda: torch.sort(i["x"], 1)[0]


@peer("numpy", "sort")
def _(i):
    return lambda: np.sort(i["x"], 1)


@peer("torch", "prefix_sum")
def _(i):
    y = torch.empty_like(i["x"])
    return lambda: torch.cumsum(i["x"], 0, out=y)


@peer("numpy", "prefix_sum")
def _(i):
    y = np.empty_like(i["x"])
    return lambda: np.cumsum(i["x"], out=y)


@peer("torch", "column_sum")
def _(i):
    return lambda: i["x"].sum(0)


@peer("numpy", "column_sum")
def _(i):
    return lambda: i["x"].sum(0)


@peer("torch", "transpose")
def _(i):
    y = torch.empty_like(i["x"])
    return lambda: y.copy_(i["x"].t())


@peer("numpy", "transpose")
def _(i):
    y = np.empty_like(i["x"])

    def run():
        np.copyto(y, i["x"].T)
        return y
    return run


@peer("torch", "blur")
def _(i):
    x, w = i["x"][None, None], i["w"][None, None]
    return lambda: torch.nn.functional.conv2d(x, w, padding=1)[0, 0]


@peer("scipy", "blur")
def _(i):
    y = np.empty_like(i["x"])
    return lambda: ndimage.correlate(i["x"], i["w"], output=y, mode="constant")


@peer("numba", "blur")
def _(i):
    x, w, y = i["x"], i["w"], np.empty_like(i["x"])

    # The inside without questions, then the border.
    @numba.njit(parallel=threads > 1, fastmath=True)
    def blur(x, w, y):
        n, m = x.shape
        for r in numba.prange(1, n - 1):
            for c in range(1, m - 1):
                s = np.float32(0)
                for d in range(3):
                    for e in range(3):
                        s += x[r + d - 1, c + e - 1] * w[d, e]
                y[r, c] = s
        for r in range(n):
            for c in range(0, m, 1 if r == 0 or r == n - 1 else m - 1):
                s = np.float32(0)
                for d in range(3):
                    for e in range(3):
                        if 0 <= r + d - 1 < n and 0 <= c + e - 1 < m:
                            s += x[r + d - 1, c + e - 1] * w[d, e]
                y[r, c] = s
        return y
    return lambda: blur(x, w, y)


@peer("torch", "mlp")
def _(i):
    def run():
        h = torch.relu(torch.addmm(i["b1"], i["x"], i["w1"]))
        return torch.softmax(torch.addmm(i["b2"], h, i["w2"]), 1)
    return run


@peer("torch", "convolution")
def _(i):
    return lambda: torch.relu_(torch.nn.functional.conv2d(i["x"], i["w"], i["c"], padding=1))


def grouped(stride):
    @peer("torch", f"grouped{stride}")
    def _(i):
        groups = i["x"].shape[1] // i["w"].shape[1]
        return lambda: torch.relu_(torch.nn.functional.conv2d(i["x"], i["w"], i["c"], stride=stride, padding=1, groups=groups))


grouped(1)
grouped(2)


@peer("torch", "cnn")
def _(i):
    f = torch.nn.functional

    def run():
        a = torch.relu_(f.conv2d(i["x"], i["k"], i["c"]))
        h = torch.relu_(torch.addmm(i["b1"], f.max_pool2d(a, 2).flatten(1), i["w1"]))
        return torch.softmax(torch.addmm(i["b2"], h, i["w2"]), 1)
    return run


def resnet18(i):
    f = torch.nn.functional

    def norm(y, n):
        return f.batch_norm(y, i[n + "_mean"], i[n + "_var"], i[n + "_scale"], i[n + "_shift"])

    def run(x):
        y = f.max_pool2d(torch.relu_(norm(f.conv2d(x, i["conv1"], stride=2, padding=3), "bn1")), 3, 2, 1)
        for layer in range(1, 5):
            for block in range(2):
                n, stride = f"layer{layer}_{block}_", 2 if layer > 1 and block == 0 else 1
                a = torch.relu_(norm(f.conv2d(y, i[n + "conv1"], stride=stride, padding=1), n + "bn1"))
                a = norm(f.conv2d(a, i[n + "conv2"], padding=1), n + "bn2")
                y = torch.relu_(a + (y if stride == 1 else norm(f.conv2d(y, i[n + "down"], stride=2), n + "down_bn")))
        return torch.addmm(i["fc_b"], y.mean((2, 3)), i["fc_w"])
    return run


@peer("torch", "resnet18")
def _(i):
    run = resnet18(i)
    return lambda: run(i["x"])


@peer("torch", "resnet18", "torchjit")
def _(i):
    class Model(torch.nn.Module):
        def forward(self, x):
            return resnet18(i)(x)
    script = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(Model().eval(), i["x"])))
    return lambda: script(i["x"])


@peer("torch", "transformer")
def _(i):
    layer = torch.nn.TransformerEncoderLayer(512, 8, 2048, 0.0, "gelu", batch_first=True).eval()
    attention = layer.self_attn
    attention.in_proj_weight.copy_(torch.cat([i["wq"], i["wk"], i["wv"]], 1).t())
    attention.in_proj_bias.copy_(torch.cat([i["bq"], i["bk"], i["bv"]]))
    for linear, w, b in [(attention.out_proj, "wo", "bo"), (layer.linear1, "w1", "b1"), (layer.linear2, "w2", "b2")]:
        linear.weight.copy_(i[w].t())
        linear.bias.copy_(i[b])
    for norm, n in [(layer.norm1, "1"), (layer.norm2, "2")]:
        norm.weight.copy_(i["gain" + n])
        norm.bias.copy_(i["bias" + n])
    return lambda: layer(i["x"])


@peer("torch", "lstm")
def _(i):
    lstm = torch.nn.LSTM(i["wx"].shape[0], i["wh"].shape[0])
    lstm.weight_ih_l0.copy_(i["wx"].t())
    lstm.weight_hh_l0.copy_(i["wh"].t())
    lstm.bias_ih_l0.copy_(i["bias"])
    lstm.bias_hh_l0.zero_()
    return lambda: lstm(i["x"])[0]


# Sparse matrices come as scipy.sparse.csr_matrix; torch's as sparse_csr_tensor.

@peer("torch", "sparse_dense")
def _(i):
    return lambda: torch.mm(i["a"], i["b"])


@peer("torch", "sparse_dense", "torchcoo")
def _(i):
    a = i["a"].to_sparse().coalesce()
    return lambda: torch.sparse.mm(a, i["b"])


@peer("scipy", "sparse_dense")
def _(i):
    return lambda: i["a"] @ i["b"]


@peer("torch", "sparse_vector")
def _(i):
    x = i["x"][:, None].contiguous()
    return lambda: torch.mm(i["a"], x)[:, 0]


@peer("torch", "sparse_vector", "torchcoo")
def _(i):
    a = i["a"].to_sparse().coalesce()
    return lambda: torch.mv(a, i["x"])


@peer("scipy", "sparse_vector")
def _(i):
    return lambda: i["a"] @ i["x"]


@peer("torch", "sparse_sparse", "torchcoo")
def _(i):
    a, b = i["a"].to_sparse().coalesce(), i["b"].to_sparse().coalesce()
    return lambda: torch.sparse.mm(a, b)


@peer("scipy", "sparse_sparse")
def _(i):
    return lambda: i["a"] @ i["b"]


@peer("torch", "sparse_plus", "torchcoo")
def _(i):
    a, b = i["a"].to_sparse().coalesce(), i["b"].to_sparse().coalesce()
    return lambda: (a + b).coalesce()


@peer("scipy", "sparse_plus")
def _(i):
    return lambda: i["a"] + i["b"]


def with_values(csr, values):
    return torch.sparse_csr_tensor(csr.crow_indices(), csr.col_indices(), values, csr.shape)


@peer("torch", "sparse_sampled")
def _(i):
    s, kt = i["s"], i["k"].t()
    empty = with_values(s, torch.zeros_like(s.values()))
    return lambda: with_values(s, torch.sparse.sampled_addmm(empty, i["q"], kt).values() * s.values())


@peer("torch", "sparse_sampled", "torchcoo")
def _(i):
    s = i["s"].to_sparse().coalesce()
    rows, columns = s.indices()
    return lambda: torch.sparse_coo_tensor(s.indices(), s.values() * (i["q"][rows] * i["k"][columns]).sum(1), s.shape)


@peer("scipy", "sparse_sampled")
def _(i):
    s, q, k = i["s"], i["q"], i["k"]
    rows = np.repeat(np.arange(s.shape[0]), np.diff(s.indptr))
    return lambda: sparse.csr_matrix((s.data * np.einsum("nd,nd->n", q[rows], k[s.indices]), s.indices, s.indptr), s.shape)


@peer("torch", "sparse_attention")
def _(i):
    s, kt = i["s"], i["k"].t()
    empty = with_values(s, torch.zeros_like(s.values()))
    where = s.to_sparse().coalesce().indices()

    def run():
        e = torch.sparse.sampled_addmm(empty, i["q"], kt).values() * s.values()
        p = torch.sparse.softmax(torch.sparse_coo_tensor(where, e, s.shape), 1)
        return torch.sparse.mm(p, i["v"])
    return run


@peer("torch", "sparse_attention", "torchcoo")
def _(i):
    s = i["s"].to_sparse().coalesce()
    rows, columns = s.indices()

    def run():
        e = s.values() * (i["q"][rows] * i["k"][columns]).sum(1)
        p = torch.sparse.softmax(torch.sparse_coo_tensor(s.indices(), e, s.shape), 1)
        return torch.sparse.mm(p, i["v"])
    return run


@peer("scipy", "sparse_attention")
def _(i):
    s, q, k = i["s"], i["q"], i["k"]
    lengths = np.diff(s.indptr)
    rows = np.repeat(np.arange(s.shape[0]), lengths)
    starts = s.indptr[:-1][lengths > 0]

    def run():
        e = s.data * np.einsum("nd,nd->n", q[rows], k[s.indices])
        e = np.exp(e - np.repeat(np.maximum.reduceat(e, starts), lengths[lengths > 0]))
        e /= np.repeat(np.add.reduceat(e, starts), lengths[lengths > 0])
        return sparse.csr_matrix((e, s.indices, s.indptr), s.shape) @ i["v"]
    return run


def flat(matrix):
    """A sparse matrix as one list: columns, lengths of rows, values, without stored zeros."""
    if torch and isinstance(matrix, torch.Tensor):
        if matrix.layout == torch.sparse_coo:
            matrix = matrix.coalesce()
            rows, columns = matrix.indices().numpy()
            matrix = sparse.coo_matrix((matrix.values().numpy(), (rows, columns)), matrix.shape)
        else:
            matrix = sparse.csr_matrix((matrix.values().numpy(), matrix.col_indices().numpy(), matrix.crow_indices().numpy()), matrix.shape)
    matrix = matrix.tocsr().copy()
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return np.concatenate([matrix.indices, np.diff(matrix.indptr), matrix.data]).astype(np.float32)


def tensor(array):
    if sparse is None or not sparse.issparse(array):
        return torch.from_numpy(array)
    return torch.sparse_csr_tensor(torch.from_numpy(array.indptr), torch.from_numpy(array.indices), torch.from_numpy(array.data), array.shape)


def load(request):
    known = workloads.get(request["workload"], {})
    arrays = {name: sparse.load_npz(path) if path.endswith(".npz") else np.load(path) for name, path in request["inputs"].items()}
    tensors = {name: tensor(array) for name, array in arrays.items()} if torch else {}
    loaded.clear()
    for name, (library, prepare) in known.items():
        loaded[name] = prepare(tensors if library == "torch" else arrays)
    return {"peers": list(loaded)}


def measure(request):
    run, until = loaded[request["peer"]], time.perf_counter() + request["seconds"]
    before = time.perf_counter()
    results[request["peer"]] = run()
    batch = max(1, int(20e-6 / (time.perf_counter() - before)))
    times = []
    while not times or time.perf_counter() < until:
        before = time.perf_counter()
        for _ in range(batch):
            run()
        times.append((time.perf_counter() - before) / batch)
    return {"seconds": sorted(times)[len(times) // 2]}


def output(request):
    result = results[request["peer"]]
    if (torch and isinstance(result, torch.Tensor) and result.layout != torch.strided) or (sparse and sparse.issparse(result)):
        result = flat(result)
    np.save(request["path"], np.ascontiguousarray(result.numpy() if torch and isinstance(result, torch.Tensor) else result))
    return {}


def forget(request):
    loaded.pop(request["peer"], None)
    results.pop(request["peer"], None)
    return {}


loaded, results = {}, {}
found = [f"{n} {__import__(n).__version__}" for n in libraries]
print(json.dumps({"found": found, "missing": missing}), file=answers, flush=True)
for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"load": load, "time": measure, "output": output, "forget": forget}[request["do"]](request)
    except Exception as e:  # the other side shows it and stops
        answer = {"error": f"{request.get('workload', request.get('peer'))}: {type(e).__name__}: {e}"}
    print(json.dumps(answer), file=answers, flush=True)
