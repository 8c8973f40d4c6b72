using Lepton.Runtime.Files;
using Lepton.Runtime.Tensors;

namespace Lepton.Runtime;

/// <summary>
/// Values for an entry's parameters (weights), by name; shared by any number of runs and entries. Thread-safe: a change replaces the set's
/// snapshot, and a run in flight keeps the one it started with. Tensors are used in place, not copied; but what an entry makes of parameters
/// alone (folded or packed weights) it makes once and keeps here, so say <see cref="Changed"/> after writing into a tensor of the set.
/// </summary>
public sealed class ParameterSet : IDisposable
{
    private readonly Lock _gate = new();
    private readonly List<IDisposable> _owned = [];
    private volatile ParameterValues _values = new([]);

    /// <summary>The names that have a value.</summary>
    public IReadOnlyCollection<string> Names => _values.Tensors.Keys;

    internal ParameterValues Snapshot => _values;

    /// <summary>The value of a parameter.</summary>
    /// <exception cref="LeptonArgumentException">It has none, or a sparse one.</exception>
    public Tensor this[string name] => Find(name).Dense ?? throw new LeptonArgumentException($"parameter {name} is sparse; use GetSparse");

    /// <summary>The sparse value of a parameter.</summary>
    /// <exception cref="LeptonArgumentException">It has none, or a dense one.</exception>
    public SparseTensor GetSparse(string name) => Find(name).Sparse ?? throw new LeptonArgumentException($"parameter {name} is dense");

    /// <summary>All tensors of a .npz or .safetensors file. The set owns them.</summary>
    /// <exception cref="TensorFileException">The file cannot be read.</exception>
    public static ParameterSet Load(string path)
    {
        var set = new ParameterSet();
        set.SetAll(TensorFile.ReadAll(path).Select(p => KeyValuePair.Create(p.Key, new TensorRef(p.Value))), owned: true);
        return set;
    }

    /// <summary>Writes all values to a .npz or .safetensors file, sparse ones as dense ones.</summary>
    /// <exception cref="TensorFileException">The file cannot be written.</exception>
    public void Save(string path)
    {
        var values = _values.Tensors;
        var made = new List<OwnedTensor>();
        try
        {
            TensorFile.WriteAll(path, values.ToDictionary(v => v.Key, v => v.Value.Dense ?? Dense(v.Value.Sparse!)));
        }
        finally
        {
            made.ForEach(t => t.Dispose());
        }

        Tensor Dense(SparseTensor sparse)
        {
            made.Add(sparse.ToDense());
            return made[^1];
        }
    }

    /// <summary>Sets a parameter. The caller keeps owning the tensor's memory.</summary>
    public void Set(string name, Tensor value) => SetAll([KeyValuePair.Create(name, new TensorRef(value))], owned: false);

    /// <summary>Sets a parameter that the program stores in the tensor's format. The caller keeps owning its memory.</summary>
    public void Set(string name, SparseTensor value) => SetAll([KeyValuePair.Create(name, new TensorRef(value))], owned: false);

    /// <summary>True when the parameter has a value.</summary>
    public bool Contains(string name) => _values.Tensors.ContainsKey(name);

    /// <summary>Says that elements of the set's tensors were written: what entries prepared from them is forgotten. Setting does so itself.</summary>
    public void Changed() => SetAll([], owned: false);

    /// <summary>Gives every parameter of the entry that has no value one from its initialiser. The same seed gives the same values.</summary>
    /// <param name="entry">Whose parameters.</param>
    /// <param name="seed">The seed; each parameter draws from a stream of its own, named by seed and parameter name.</param>
    /// <param name="sizes">Sizes that the parameters' shapes use and that no value set before determines.</param>
    /// <exception cref="LeptonArgumentException">A size is not known, or the initialiser is not.</exception>
    public void Initialize(Entry entry, ulong seed, IReadOnlyDictionary<string, long>? sizes = null)
    {
        var made = new Dictionary<string, TensorRef>();
        try
        {
            foreach (var parameter in entry.Manifest.Parameters)
            {
                if (!Contains(parameter.Name) && !made.ContainsKey(parameter.Name))
                {
                    made.Add(parameter.Name, Stored(ParameterInitializer.Make(parameter with { Element = parameter.Given ?? parameter.Element }, SizeOf, seed), parameter));
                }
            }
        }
        catch
        {
            foreach (var tensor in made.Values)
            {
                Owner(tensor).Dispose();
            }

            throw;
        }

        SetAll(made, owned: true);

        // By name, else from a plain axis of a value that is there.
        long? SizeOf(string dim)
        {
            if (sizes is not null && sizes.TryGetValue(dim, out var size))
            {
                return size;
            }

            foreach (var other in entry.Manifest.Parameters)
            {
                for (var axis = 0; axis < other.Shape.Count; axis++)
                {
                    if (other.Shape[axis].AsVariable == dim && _values.Tensors.TryGetValue(other.Name, out var value)
                        && (value.Dense is { } dense ? dense.Shape : value.Sparse!.Shape) is var shape && axis < shape.Length)
                    {
                        return shape[axis];
                    }
                }
            }

            return null;
        }
    }

    /// <summary>
    /// Puts dense values of parameters that the entry stores in a sparse format into that format, and rounds those that a plan keeps as bf16: files of
    /// parameters hold dense ones, not rounded.
    /// </summary>
    /// <exception cref="LeptonArgumentException">A format does not suit its value.</exception>
    public void StoreFor(Entry entry)
    {
        foreach (var parameter in entry.Manifest.Parameters)
        {
            if (parameter.Given is not null && _values.Tensors.TryGetValue(parameter.Name, out var whole) && whole.Dense is { } exact && exact.Element == parameter.Given)
            {
                SetAll([KeyValuePair.Create(parameter.Name, new TensorRef(exact.ConvertTo(parameter.Element)))], owned: true);
            }
            else if (parameter.Format is { } format && _values.Tensors.TryGetValue(parameter.Name, out var value) && value.Dense is { } dense)
            {
                try
                {
                    SetAll([KeyValuePair.Create(parameter.Name, new TensorRef(SparseTensor.From(dense, format)))], owned: true);
                }
                catch (ArgumentException e)
                {
                    throw new LeptonArgumentException($"parameter {parameter.Name}: {e.Message}", e);
                }
            }
        }
    }

    /// <summary>Empties the set and frees the values that it owns (loaded or initialised), once no run uses them.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            Replace([]);
            foreach (var tensor in _owned)
            {
                tensor.Dispose();
            }

            _owned.Clear();
        }
    }

    private static IDisposable Owner(TensorRef tensor) => (IDisposable?)(tensor.Dense as OwnedTensor) ?? (OwnedSparseTensor)tensor.Sparse!;

    private static TensorRef Stored(OwnedTensor value, Abi.TensorManifest parameter)
    {
        if (parameter.Format is null && value.Element == parameter.Element)
        {
            return value;
        }

        using (value)
        {
            return parameter.Format is { } format ? SparseTensor.From(value, format) : value.ConvertTo(parameter.Element);
        }
    }

    private TensorRef Find(string name) =>
        _values.Tensors.TryGetValue(name, out var value) ? value : throw new LeptonArgumentException($"parameter {name} has no value");

    private void SetAll(IEnumerable<KeyValuePair<string, TensorRef>> values, bool owned)
    {
        lock (_gate)
        {
            var next = new Dictionary<string, TensorRef>(_values.Tensors);
            foreach (var (name, value) in values)
            {
                next[name] = value;
                if (owned)
                {
                    _owned.Add(Owner(value));
                }
            }

            Replace(next);
        }
    }

    private void Replace(Dictionary<string, TensorRef> tensors)
    {
        var old = _values;
        _values = new ParameterValues(tensors);
        old.Dispose();
    }
}
