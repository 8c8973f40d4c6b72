using System.Text;
using Lepton.Abi;

namespace Lepton.Codegen;

/// <summary>
/// The C header of a built module: the context, the functions of each entry as they are, and an inline function with plain arguments that takes
/// memory for intermediate and prepared values itself.
/// </summary>
public static class CHeader
{
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
            text.Append($" *   {role} {tensor.Name}: {tensor.Element.Name()}[{string.Join(", ", tensor.Shape)}]\n");
        }

        text.Append(" */\n");
        text.Append($"int32_t {entry.Symbol}(lep_context* context, void** tensors, const int64_t* dims, uint8_t* arena);\n");
        text.Append($"int64_t {entry.Symbol}_arena(const int64_t* dims); /* bytes; align the arena to 64 */\n");
        text.Append("/* To be done once for a set of parameters, when _prepared says more than 0 bytes: point context->prepared at so many, aligned to 64,\n");
        text.Append(" * and call _prepare; of the tensors it reads the inputs that are parameters. Runs with context->prepared then read it, at the same time\n");
        text.Append(" * too. facts: 0, or where to put a number that is the same for sizes and entries that can use one block, and the bytes of _prepare's arena. */\n");
        text.Append($"int32_t {entry.Symbol}_prepare(lep_context* context, void** tensors, const int64_t* dims, uint8_t* arena);\n");
        text.Append($"int64_t {entry.Symbol}_prepared(const int64_t* dims, int64_t facts[2]);\n\n");

        var parameters = inputs.Select(t => $"const {CType(t.Element)}* {Name(t.Name)}")
            .Concat(entry.Results.Select(t => $"{CType(t.Element)}* {Name(t.Name)}"))
            .Concat(entry.Dims.Select(d => $"int64_t {Name(d)}_size"));
        text.Append("/* 0: done; 1: an index was out of range; 2: cancelled; 3: no memory. Prepares each time. */\n");
        text.Append($"static inline int {Name(entry.Name)}({string.Join(", ", parameters)}) {{\n");
        text.Append("  lep_context lep_c = {0};\n");
        text.Append($"  void* lep_tensors[] = {{{string.Join(", ", all.Select(t => $"(void*){Name(t.Name)}").DefaultIfEmpty("0"))}}};\n");
        text.Append($"  int64_t lep_dims[] = {{{string.Join(", ", entry.Dims.Select(d => Name(d) + "_size").DefaultIfEmpty("0"))}}};\n");
        text.Append($"  int64_t lep_bytes = {entry.Symbol}_arena(lep_dims);\n");
        text.Append("  int64_t lep_facts[2] = {0};\n");
        text.Append($"  int64_t lep_kept = {entry.Symbol}_prepared(lep_dims, lep_facts);\n");
        text.Append("  if (lep_bytes < lep_facts[1]) lep_bytes = lep_facts[1];\n");
        text.Append("  lep_bytes = (lep_bytes + 63) & ~(int64_t)63;\n");
        text.Append("  uint8_t* lep_block = (uint8_t*)malloc((size_t)(lep_bytes + lep_kept) + 64);\n");
        text.Append("  if (!lep_block) return 3;\n");
        text.Append("  uint8_t* lep_arena = (uint8_t*)(((uintptr_t)lep_block + 63) & ~(uintptr_t)63);\n");
        text.Append("  lep_c.prepared = lep_arena + lep_bytes;\n");
        text.Append($"  int lep_status = lep_kept ? {entry.Symbol}_prepare(&lep_c, lep_tensors, lep_dims, lep_arena) : 0;\n");
        text.Append($"  if (!lep_status) lep_status = {entry.Symbol}(&lep_c, lep_tensors, lep_dims, lep_arena);\n");
        text.Append("  free(lep_block);\n  return lep_status;\n}\n");
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
