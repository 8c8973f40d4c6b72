using System.Text;
using Lepton.Abi;

namespace Lepton.Codegen;

/// <summary>
/// The C header of a built module: the context, the functions of each entry as they are, and an inline function with plain arguments that takes
/// memory for intermediate and prepared values itself.
/// </summary>
public static class CHeader
{
    private const string Blocks = """

        #ifndef LEPTON_BLOCKS
        #define LEPTON_BLOCKS
        #include <string.h>
        /* The context of one call with the memory that it took: a list of blocks through the first word of each. */
        typedef struct lep_run {
          lep_context context;
          void* blocks;
        } lep_run;
        static inline void* lep_allocate(lep_context* context, int64_t bytes) {
          lep_run* run = (lep_run*)context;
          char* block = bytes < 0 || bytes > ((int64_t)1 << 47) ? 0 : (char*)malloc((size_t)bytes + 128);
          if (!block) return 0;
          memcpy(block, &run->blocks, sizeof(void*));
          run->blocks = block;
          return (void*)(((uintptr_t)block + 127) & ~(uintptr_t)63);
        }
        static inline void lep_release(lep_run* run) {
          while (run->blocks) {
            void* block = run->blocks;
            memcpy(&run->blocks, block, sizeof(void*));
            free(block);
          }
        }
        static inline int lep_keep(void* target, const void* data, int64_t bytes) {
          void* kept = malloc(bytes > 0 ? (size_t)bytes : 1);
          if (kept && bytes > 0) memcpy(kept, data, (size_t)bytes);
          memcpy(target, &kept, sizeof(void*));
          return kept != 0;
        }
        #endif

        """;

    private const string Context = """
        #ifndef LEPTON_CONTEXT
        #define LEPTON_CONTEXT
        struct lep_context;
        typedef void (*lep_kernel)(struct lep_context*, void** buffers, const int64_t* sizes, int64_t first_chunk, int64_t end_chunk);
        /* Zero-initialise it. parallel, when set, must call the kernel for all chunks in [0, chunks), on any threads, and return when all are done. */
        typedef struct lep_context {
          void (*parallel)(struct lep_context*, lep_kernel, void** buffers, const int64_t* sizes, int64_t chunks);
          const volatile int32_t* cancel; /* nonzero there stops the run before its next launch */
          int32_t lock;
          int32_t error;   /* 1: an index was out of range; the fields below say which. 2: allocate gave no memory */
          int64_t site;    /* number of the access: "sites" in the manifest */
          int64_t element; /* row-major number of the element that failed */
          int64_t value;   /* the index */
          int64_t bound;   /* what it had to be below */
          void* host;
          uint8_t* prepared; /* what an entry's _prepare function wrote */
          void* (*allocate)(struct lep_context*, int64_t bytes); /* aligned to 64, or 0; what no sparse result kept is yours to free after the call */
        } lep_context;
        #endif
        """;

    /// <summary>The header's text.</summary>
    public static string Print(ModuleManifest manifest)
    {
        var guard = $"LEPTON_{Plain(manifest.Name).ToUpperInvariant()}_H";
        var text = new StringBuilder();
        text.Append($"/* {manifest.Name}: compiled by Lepton for {manifest.Target} */\n#ifndef {guard}\n#define {guard}\n");
        text.Append("#include <stdint.h>\n#include <stdlib.h>\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n").Append(Context).Append('\n');
        if (manifest.Entries.Any(IsSparse))
        {
            text.Append(Blocks);
        }

        foreach (var entry in manifest.Entries)
        {
            Entry(text, entry);
        }

        text.Append("\n#ifdef __cplusplus\n}\n#endif\n#endif\n");
        return text.ToString();
    }

    private static void Entry(StringBuilder text, EntryManifest entry)
    {
        TensorManifest[] inputs = [.. entry.Arguments, .. entry.Parameters];
        TensorManifest[] all = [.. inputs, .. entry.Results];
        text.Append($"\n/* {entry.Name}: tensors are contiguous and row-major\n");
        foreach (var tensor in all)
        {
            var role = inputs.Contains(tensor) ? "in " : "out";
            text.Append($" *   {role} {tensor.Name}: {tensor.Element.Name()}[{string.Join(", ", tensor.Shape)}]{Storage(tensor)}\n");
        }

        text.Append(" */\n");
        text.Append($"int32_t {entry.Symbol}(lep_context* context, void** tensors, int64_t* dims, uint8_t* arena);\n");
        text.Append($"int64_t {entry.Symbol}_arena(const int64_t* dims); /* bytes; align the arena to 64 */\n");
        text.Append("/* To be done once for a set of parameters, when _prepared says more than 0 bytes: point context->prepared at so many, aligned to 64,\n");
        text.Append(" * and call _prepare; of the tensors it reads the inputs that are parameters. Runs with context->prepared then read it, at the same time\n");
        text.Append(" * too. facts: 0, or where to put a number that is the same for sizes and entries that can use one block, and the bytes of _prepare's arena. */\n");
        text.Append($"int32_t {entry.Symbol}_prepare(lep_context* context, void** tensors, const int64_t* dims, uint8_t* arena);\n");
        text.Append($"int64_t {entry.Symbol}_prepared(const int64_t* dims, int64_t facts[2]);\n\n");

        StorageArray[] arrays = [.. all.SelectMany(t => t.NativeArrays)];
        var made = entry.Results.Where(t => t.Format is not null).SelectMany(t => t.NativeArrays).ToHashSet();
        var counts = entry.Results.SelectMany(t => t.StoredNames).ToHashSet();
        var given = inputs.Sum(t => t.NativeArrays.Count);
        var parameters = arrays.Select((a, i) => $"{(i < given ? "const " : "")}{CType(a.Element)}*{(made.Contains(a) ? "*" : "")} {Name(a.Name)}")
            .Concat(entry.Dims.Select(d => $"int64_t{(counts.Contains(d) ? "*" : "")} {Name(d)}_size"));
        text.Append("/* 0: done; 1: an index was out of range; 2: cancelled; 3: no memory. Prepares each time.");
        text.Append(made.Count == 0 ? " */\n" : "\n * Arrays of sparse results come from malloc, when it is done: they are yours to free. */\n");
        text.Append($"static inline int {Name(entry.Name)}({string.Join(", ", parameters)}) {{\n");
        text.Append(IsSparse(entry) ? "  lep_run lep_r = {{0}, 0};\n  lep_context* lep_c = &lep_r.context;\n  lep_c->allocate = lep_allocate;\n" : "  lep_context lep_s = {0};\n  lep_context* lep_c = &lep_s;\n");
        text.Append($"  void* lep_tensors[] = {{{string.Join(", ", arrays.Select(a => made.Contains(a) ? "0" : $"(void*){Name(a.Name)}").DefaultIfEmpty("0"))}}};\n");
        text.Append($"  int64_t lep_dims[] = {{{string.Join(", ", entry.Dims.Select(d => counts.Contains(d) ? "0" : Name(d) + "_size").DefaultIfEmpty("0"))}}};\n");
        text.Append($"  int64_t lep_bytes = {entry.Symbol}_arena(lep_dims);\n");
        text.Append("  int64_t lep_facts[2] = {0};\n");
        text.Append($"  int64_t lep_kept = {entry.Symbol}_prepared(lep_dims, lep_facts);\n");
        text.Append("  if (lep_bytes < lep_facts[1]) lep_bytes = lep_facts[1];\n");
        text.Append("  lep_bytes = (lep_bytes + 63) & ~(int64_t)63;\n");
        text.Append("  uint8_t* lep_block = (uint8_t*)malloc((size_t)(lep_bytes + lep_kept) + 64);\n");
        text.Append("  if (!lep_block) return 3;\n");
        text.Append("  uint8_t* lep_arena = (uint8_t*)(((uintptr_t)lep_block + 63) & ~(uintptr_t)63);\n");
        text.Append("  lep_c->prepared = lep_arena + lep_bytes;\n");
        text.Append($"  int lep_status = lep_kept ? {entry.Symbol}_prepare(lep_c, lep_tensors, lep_dims, lep_arena) : 0;\n");
        text.Append($"  if (!lep_status) lep_status = {entry.Symbol}(lep_c, lep_tensors, lep_dims, lep_arena);\n");
        if (IsSparse(entry))
        {
            text.Append("  if (lep_status == 1 && lep_c->error == 2) lep_status = 3;\n");
            Results(text, entry, arrays, made, counts);
            text.Append("  lep_release(&lep_r);\n");
        }

        text.Append("  free(lep_block);\n  return lep_status;\n}\n");
    }

    // Copies, so that each array is one block of malloc: what a run takes is aligned, and arrays may share it.
    private static void Results(StringBuilder text, EntryManifest entry, StorageArray[] arrays, HashSet<StorageArray> made, HashSet<string> counts)
    {
        for (var i = 0; i < arrays.Length; i++)
        {
            if (made.Contains(arrays[i]))
            {
                text.Append($"  *{Name(arrays[i].Name)} = 0;\n");
            }
        }

        for (var i = 0; i < arrays.Length; i++)
        {
            if (made.Contains(arrays[i]))
            {
                var bytes = $"{arrays[i].Element.ByteSize()} * ({Size(arrays[i].Count, entry)})";
                text.Append($"  if (!lep_status && !lep_keep({Name(arrays[i].Name)}, lep_tensors[{i}], {bytes})) lep_status = 3;\n");
            }
        }

        for (var d = 0; d < entry.Dims.Count; d++)
        {
            if (counts.Contains(entry.Dims[d]))
            {
                text.Append($"  *{Name(entry.Dims[d])}_size = lep_dims[{d}];\n");
            }
        }

        var frees = arrays.Where(made.Contains).Select(a => $"free(*{Name(a.Name)}); *{Name(a.Name)} = 0;").ToList();
        if (frees.Count > 0)
        {
            text.Append($"  if (lep_status) {{ {string.Join(" ", frees)} }}\n");
        }
    }

    private static bool IsSparse(EntryManifest entry) =>
        entry.Arguments.Concat(entry.Parameters).Concat(entry.Results).Any(t => t.Format is not null);

    private static string Storage(TensorManifest tensor) => tensor.Format is null ? "" : $" in {tensor.Format}: {string.Join(", ", tensor.NativeArrays.Select(a => $"{a.Element.Name()} {a.Name}[{a.Count}]"))}";

    // A size over lep_dims, in C: sizes are not negative, so / rounds down.
    private static string Size(SizeExpr size, EntryManifest entry) => size.Terms.Count == 0 ? "0" : string.Join(" + ", size.Terms.Select(t =>
        string.Join(" * ", t.Factors.Select(f => Factor(f, entry)).Prepend($"(int64_t){t.Coefficient}"))));

    private static string Factor(SizeFactor factor, EntryManifest entry)
    {
        if (factor is not SizeCall call)
        {
            return $"lep_dims[{entry.Dims.ToList().IndexOf(factor.ToString()!)}]";
        }

        var (left, right) = ($"({Size(call.Left, entry)})", $"({Size(call.Right, entry)})");
        return call.Function switch
        {
            SizeFunction.FloorDiv => $"({left} / {right})",
            SizeFunction.Mod => $"({left} % {right})",
            SizeFunction.Max => $"({left} > {right} ? {left} : {right})",
            _ => $"({left} < {right} ? {left} : {right})",
        };
    }

    // Names of programs may be words of C, or hold what C does not allow.
    private static string Name(string name)
    {
        var plain = Plain(name);
        return Keywords.Contains(plain) || char.IsAsciiDigit(plain[0]) ? plain + "_" : plain;
    }

    private static string Plain(string name) => string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '_'));

    private static readonly HashSet<string> Keywords =
    [
        "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern", "float", "for", "goto", "if",
        "inline", "int", "long", "register", "restrict", "return", "short", "signed", "sizeof", "static", "struct", "switch", "typedef", "union",
        "unsigned", "void", "volatile", "while", "class", "new", "delete", "this", "template", "operator", "private", "public", "main", "malloc", "free",
    ];

    private static string CType(ElementType element) => element switch
    {
        ElementType.F64 => "double",
        ElementType.F32 => "float",
        ElementType.F16 or ElementType.BF16 => "uint16_t",
        ElementType.I64 => "int64_t",
        ElementType.I32 => "int32_t",
        ElementType.I16 => "int16_t",
        ElementType.I8 => "int8_t",
        _ => "uint8_t",
    };
}
