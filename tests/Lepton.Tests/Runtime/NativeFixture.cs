using System.Diagnostics;
using Lepton.Abi;
using Lepton.Runtime;

namespace Lepton.Tests.Runtime;

/// <summary>A small module in C, written as the compiler would write one, built by the system's cc.</summary>
public sealed class NativeFixture : IDisposable
{
    private const string Source =
        """
        #include <stdint.h>
        #include <stdatomic.h>
        struct lep_context;
        typedef void (*lep_kernel)(struct lep_context*, void** buffers, const int64_t* sizes, int64_t first, int64_t end);
        typedef struct lep_context {
          void (*parallel)(struct lep_context*, lep_kernel, void**, const int64_t*, int64_t);
          const volatile int32_t* cancel;
          _Atomic int32_t lock;
          int32_t error;
          int64_t site, element, value, bound;
          void* host;
          uint8_t* prepared;
          void* (*allocate)(struct lep_context*, int64_t bytes);
        } lep_context;
        #define CHUNK 256
        static void launch(lep_context* c, lep_kernel k, void** b, const int64_t* s, int64_t chunks) {
          if (c->parallel) c->parallel(c, k, b, s, chunks); else k(c, b, s, 0, chunks);
        }

        #define NOTHING_PREPARED(entry) \
          int64_t lep_##entry##_prepared(const int64_t* d, int64_t* facts) { return 0; } \
          int32_t lep_##entry##_prepare(lep_context* c, void** t, const int64_t* d, uint8_t* arena) { return 0; }

        // affine: y[N] = 2*x + 1, by way of an intermediate result in the arena
        static void twice(lep_context* c, void** b, const int64_t* s, int64_t first, int64_t end) {
          const float* x = b[0]; float* y = b[1];
          for (int64_t i = first * CHUNK; i < end * CHUNK && i < s[0]; i++) y[i] = 2 * x[i];
        }
        static void plus(lep_context* c, void** b, const int64_t* s, int64_t first, int64_t end) {
          const float* x = b[0]; float* y = b[1];
          for (int64_t i = first * CHUNK; i < end * CHUNK && i < s[0]; i++) y[i] = x[i] + 1;
        }
        NOTHING_PREPARED(affine)
        int64_t lep_affine_arena(const int64_t* d) { return 4 * d[0]; }
        int32_t lep_affine(lep_context* c, void** t, const int64_t* d, uint8_t* arena) {
          if ((uintptr_t)arena % 64) return 1;
          int64_t chunks = (d[0] + CHUNK - 1) / CHUNK;
          void* one[] = {t[0], arena}; launch(c, twice, one, d, chunks);
          if (c->cancel && *c->cancel) return 2;
          void* two[] = {arena, t[1]}; launch(c, plus, two, d, chunks);
          return 0;
        }

        // gather: z[i, j] = x[k[i, j]]
        static void gather(lep_context* c, void** b, const int64_t* s, int64_t first, int64_t end) {
          const float* x = b[0]; const int64_t* k = b[1]; float* z = b[2];
          for (int64_t i = first; i < end; i++) {
            if (k[i] >= 0 && k[i] < s[0]) { z[i] = x[k[i]]; continue; }
            while (atomic_exchange(&c->lock, 1)) {}
            if (!c->error || i < c->element) { c->error = 1; c->site = 0; c->element = i; c->value = k[i]; c->bound = s[0]; }
            atomic_store(&c->lock, 0);
          }
        }
        NOTHING_PREPARED(gather)
        int64_t lep_gather_arena(const int64_t* d) { return 0; }
        int32_t lep_gather(lep_context* c, void** t, const int64_t* d, uint8_t* arena) {
          launch(c, gather, t, d, d[1] * d[2]);
          return c->error ? 1 : 0;
        }

        // dense: y[B, H] = x[B, D] w[D, H]
        static void dense(lep_context* c, void** b, const int64_t* s, int64_t first, int64_t end) {
          const float* x = b[0]; const float* w = b[1]; float* y = b[2];
          for (int64_t i = first; i < end; i++) for (int64_t h = 0; h < s[2]; h++) {
            float sum = 0;
            for (int64_t d = 0; d < s[1]; d++) sum += x[i * s[1] + d] * w[d * s[2] + h];
            y[i * s[2] + h] = sum;
          }
        }
        NOTHING_PREPARED(dense)
        int64_t lep_dense_arena(const int64_t* d) { return 0; }
        int32_t lep_dense(lep_context* c, void** t, const int64_t* d, uint8_t* arena) { launch(c, dense, t, d, d[0]); return 0; }

        // nested: y[i] = 0 + 1 + ... + (x[i] - 1), each sum a launch of x[i] chunks inside a chunk of the outer launch
        static void inner(lep_context* c, void** b, const int64_t* s, int64_t first, int64_t end) {
          for (int64_t i = first; i < end; i++) atomic_fetch_add((_Atomic int64_t*)b[1] + s[1], i);
        }
        static void outer(lep_context* c, void** b, const int64_t* s, int64_t first, int64_t end) {
          for (int64_t i = first; i < end; i++) { int64_t sizes[] = {s[0], i}; launch(c, inner, b, sizes, ((int64_t*)b[0])[i]); }
        }
        NOTHING_PREPARED(nested)
        int64_t lep_nested_arena(const int64_t* d) { return 0; }
        int32_t lep_nested(lep_context* c, void** t, const int64_t* d, uint8_t* arena) {
          for (int64_t i = 0; i < d[0]; i++) ((int64_t*)t[1])[i] = 0;
          launch(c, outer, t, d, d[0]);
          return 0;
        }

        // kept: y = the first number prepared from w = {told, begun, value}: prepare counts, waits until told, goes on when cancelled
        int64_t lep_kept_arena(const int64_t* d) { return 0; }
        int64_t lep_kept_prepared(const int64_t* d, int64_t* facts) { if (facts) facts[0] = 5, facts[1] = 100; return 64; }
        int32_t lep_kept_prepare(lep_context* c, void** t, const int64_t* d, uint8_t* arena) {
          volatile int32_t* w = t[0];
          atomic_fetch_add((_Atomic int32_t*)t[0] + 1, 1);
          while (!w[0]) if (c->cancel && *c->cancel) return 2;
          arena[99] = 1;
          *(int32_t*)c->prepared = w[2];
          return 0;
        }
        int32_t lep_kept(lep_context* c, void** t, const int64_t* d, uint8_t* arena) { *(int32_t*)t[1] = *(int32_t*)c->prepared; return 0; }

        // twins: y = z = 2*a, both csr like a; z shares the positions of y, both its columns with a. Counts: a.1, y.1, z.1 behind N, M
        NOTHING_PREPARED(twins)
        int64_t lep_twins_arena(const int64_t* d) { return 0; }
        int32_t lep_twins(lep_context* c, void** t, int64_t* d, uint8_t* arena) {
          int64_t n = d[0], count = d[2];
          void* lost = c->allocate(c, 1000);
          int32_t* p = c->allocate(c, 4 * (n + 1));
          float* y = c->allocate(c, 4 * count); float* z = c->allocate(c, 4 * count);
          if (!lost || !p || !y || !z || (uintptr_t)p % 64 || (uintptr_t)y % 64) return 1;
          for (int64_t i = 0; i <= n; i++) p[i] = ((const int32_t*)t[0])[i];
          for (int64_t i = 0; i < count; i++) y[i] = z[i] = 2 * ((const float*)t[2])[i];
          t[3] = p; t[4] = t[1]; t[5] = y; t[6] = p; t[7] = t[1]; t[8] = z;
          d[3] = d[4] = count;
          return 0;
        }

        // greedy: asks for as many bytes as x says, then fails: for lack of memory, or of an index
        NOTHING_PREPARED(greedy)
        int64_t lep_greedy_arena(const int64_t* d) { return 0; }
        int32_t lep_greedy(lep_context* c, void** t, int64_t* d, uint8_t* arena) {
          if (!c->allocate(c, 64) || !c->allocate(c, *(int64_t*)t[0])) { c->error = 2; return 1; }
          return 2;
        }

        // wait: says that it runs, goes on when told or cancelled
        NOTHING_PREPARED(wait)
        int64_t lep_wait_arena(const int64_t* d) { return 1 << 20; }
        int32_t lep_wait(lep_context* c, void** t, const int64_t* d, uint8_t* arena) {
          volatile int32_t* told = t[0];
          atomic_store((_Atomic int32_t*)t[1], 1);
          while (!*told) { arena[*told] = 7; if (c->cancel && *c->cancel) return 2; }
          return 0;
        }
        """;

    private static readonly SizeExpr N = SizeExpr.Variable("N");

    private readonly TempFolder _folder = new();

    public NativeFixture()
    {
        File.WriteAllText(_folder["native.c"], Source);
        var start = new ProcessStartInfo("cc", ["-O2", "-std=c11", "-shared", "-fPIC", "-o", _folder["native.so"], _folder["native.c"]])
        {
            RedirectStandardError = true,
        };
        using var cc = Process.Start(start)!;
        var errors = cc.StandardError.ReadToEnd();
        cc.WaitForExit();
        Assert.True(cc.ExitCode == 0, errors);
        File.WriteAllBytes(_folder["native.json"], ManifestJson.Write(Manifest));
    }

    internal static ModuleManifest Manifest { get; } = new(ModuleManifest.CurrentFormat, "native", "host",
    [
        Entry("affine", ["N"], [F32("x", N)], [], [F32("y", N)]),
        Entry("gather", ["D", "B", "C"], [F32("x", "D"), Tensor("k", ElementType.I64, "B", "C")], [], [F32("z", "B", "C")])
            with { Sites = [new SiteManifest("x[k[i, j]]", "g.lep:12:7", [SizeParser.Parse("B"), SizeParser.Parse("C")])] },
        Entry("dense", ["B", "D", "H"], [F32("x", "B", "D")], [F32("w", "D", "H") with { Initializer = "glorot" }], [F32("y", "B", "H")]),
        Entry("nested", ["N"], [Tensor("x", ElementType.I64, N)], [], [Tensor("y", ElementType.I64, N)]),
        Entry("kept", [], [], [Tensor("w", ElementType.I32, 3)], [Tensor("y", ElementType.I32)]),
        Entry("twins", ["N", "M", "a.1", "y.1", "z.1"], [Csr("a")], [], [Csr("y"), Csr("z")]),
        Entry("greedy", ["y.0"], [Tensor("x", ElementType.I64)], [], [F32("y", 5) with { Format = TensorFormat.Coo(1) }]),
        Entry("wait", [], [Tensor("told", ElementType.I32)], [], [Tensor("running", ElementType.I32)]),
    ]);

    internal string ManifestPath => _folder["native.json"];

    internal string LibraryPath => _folder["native.so"];

    public void Dispose() => _folder.Dispose();

    internal Module Load() => Module.Load(ManifestPath);

    internal static EntryManifest Entry(
        string name,
        ValueList<string> dims,
        ValueList<TensorManifest> arguments,
        ValueList<TensorManifest> parameters,
        ValueList<TensorManifest> results) => new(name, "lep_" + name, dims, arguments, parameters, results, [], []);

    internal static TensorManifest F32(string name, params SizeOf[] shape) => Tensor(name, ElementType.F32, shape);

    internal static TensorManifest Tensor(string name, ElementType element, params SizeOf[] shape) =>
        new(name, element, shape.Select(s => s.Size).ToValueList());

    private static TensorManifest Csr(string name) => F32(name, "N", "M") with { Format = TensorFormat.Csr };

    /// <summary>A size, or the text of one.</summary>
    internal readonly record struct SizeOf(SizeExpr Size)
    {
        public static implicit operator SizeOf(string text) => new(SizeParser.Parse(text));

        public static implicit operator SizeOf(SizeExpr size) => new(size);

        public static implicit operator SizeOf(long size) => new(size);
    }
}
