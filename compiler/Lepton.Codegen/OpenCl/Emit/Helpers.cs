using System.Text;

namespace Lepton.Codegen.OpenCl.Emit;

/// <summary>The functions that kernels call: each is written once, when it is first asked for, behind those that it calls itself.</summary>
internal sealed class Helpers(OpenClTarget target)
{
    private readonly HashSet<string> _written = [];
    private readonly StringBuilder _text = new();

    public OpenClTarget Target { get; } = target;

    public string Text => _text.ToString();

    /// <summary>Writes a function unless it is there; gives its name.</summary>
    /// <param name="define">Its text.</param>
    public string Require(string name, Func<string> define)
    {
        if (_written.Add(name))
        {
            // First what it calls.
            var text = define();
            _text.Append('\n').Append(text.TrimEnd('\n')).Append('\n');
        }

        return name;
    }
}
