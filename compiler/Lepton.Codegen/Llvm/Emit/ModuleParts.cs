using System.Text;
using Lepton.Codegen.Llvm.Math;

namespace Lepton.Codegen.Llvm.Emit;

/// <summary>What the functions of a module share: the target, intrinsics to declare, helper functions, each once.</summary>
internal sealed class ModuleParts(CpuTarget target, bool fastMath)
{
    private int _loops;
    private readonly SortedSet<string> _declarations = new(StringComparer.Ordinal);
    // Numbers 0 and 1 of the module's metadata are taken: a rare branch, and what a loop's own node says.
    private const int FirstLoop = 2;

    private readonly SortedDictionary<string, string> _helpers = new(StringComparer.Ordinal);

    public CpuTarget Target { get; } = target;

    /// <summary>Flags of floating-point + - * /: products may contract to fma; --fast-math reassociates too, but keeps inf and nan.</summary>
    public string FloatFlags { get; } = fastMath ? "reassoc nsz arcp contract" : "contract";

    public MathLibrary Math { get; } = new(target);

    /// <summary>What goes behind the branch back of a loop that LLVM must not vectorise.</summary>
    public string ScalarLoop() => $", !llvm.loop !{FirstLoop + _loops++}";

    /// <summary>Declares an intrinsic; gives its name.</summary>
    public string Intrinsic(string result, string name, string parameters)
    {
        _declarations.Add($"declare {result} @{name}({parameters})");
        return "@" + name;
    }

    /// <summary>Adds a helper function unless it is there; gives its name.</summary>
    public string Helper(string name, Func<string> define)
    {
        if (!_helpers.ContainsKey(name))
        {
            _helpers[name] = "";
            _helpers[name] = define();
        }

        return "@" + name;
    }

    public void Append(StringBuilder module)
    {
        foreach (var helper in _helpers.Values)
        {
            module.Append(helper).Append('\n');
        }

        module.Append(Math.Text).Append('\n');
        _declarations.Add("declare i64 @llvm.smax.i64(i64, i64)");
        _declarations.Add("declare i64 @llvm.smin.i64(i64, i64)");
        foreach (var declaration in _declarations)
        {
            module.Append(declaration).Append('\n');
        }

        module.Append("!1 = !{!\"llvm.loop.vectorize.enable\", i1 false}\n");
        for (var loop = FirstLoop; loop < FirstLoop + _loops; loop++)
        {
            module.Append($"!{loop} = distinct !{{!{loop}, !1}}\n");
        }
    }
}
