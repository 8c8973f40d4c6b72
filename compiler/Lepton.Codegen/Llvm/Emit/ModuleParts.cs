using System.Text;
using Lepton.Codegen.Llvm.Math;

namespace Lepton.Codegen.Llvm.Emit;

/// <summary>What the functions of a module share: the target, intrinsics to declare, helper functions, each once.</summary>
internal sealed class ModuleParts(CpuTarget target, bool fastMath)
{
    private readonly SortedSet<string> _declarations = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, string> _helpers = new(StringComparer.Ordinal);

    public CpuTarget Target { get; } = target;

    /// <summary>Flags of floating-point + - * /: products may contract to fma; --fast-math reassociates too, but keeps inf and nan.</summary>
    public string FloatFlags { get; } = fastMath ? "reassoc nsz arcp contract" : "contract";

    public MathLibrary Math { get; } = new(target);

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
    }
}
