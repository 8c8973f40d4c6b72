using System.Collections;
using Lepton.Abi;
using Lepton.Runtime.Tensors;

namespace Lepton.Runtime;

/// <summary>What a run of an entry gave: for each result a dense or a sparse tensor, as the program stores it. Dispose it.</summary>
public sealed class EntryResults : IReadOnlyList<EntryResult>, IDisposable
{
    private readonly EntryManifest _entry;
    private readonly EntryResult[] _results;

    internal EntryResults(EntryManifest entry)
    {
        _entry = entry;
        _results = [.. entry.Results.Select(r => new EntryResult(r.Name))];
    }

    /// <summary>How many there are.</summary>
    public int Count => _results.Length;

    /// <summary>A result by its place.</summary>
    public EntryResult this[int index] => _results[index];

    /// <summary>A result by its name.</summary>
    /// <exception cref="LeptonArgumentException">There is none; the message lists those there are.</exception>
    public EntryResult this[string name] => Array.Find(_results, r => r.Name == name)
        ?? throw new LeptonArgumentException($"entry {_entry.Name} has no result {name}; it has {string.Join(", ", _results.Select(r => r.Name))}");

    /// <inheritdoc/>
    public IEnumerator<EntryResult> GetEnumerator() => _results.AsEnumerable().GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Gives the memory of all results back.</summary>
    public void Dispose() => Array.ForEach(_results, r => r.Dispose());

    internal void Allocate(long[][] shapes, Action<int, OwnedTensor> made)
    {
        for (var i = 0; i < _results.Length; i++)
        {
            if (_entry.Results[i].Format is null)
            {
                try
                {
                    _results[i].Value = Tensor.Allocate(_entry.Results[i].Element, shapes[i]);
                }
                catch (ArgumentException e)
                {
                    throw new LeptonArgumentException($"{_entry.Name}: result {_results[i].Name}: {e.Message}", e);
                }

                made(i, _results[i].Dense);
            }
        }
    }

    internal void Take(Func<int, OwnedSparseTensor> take)
    {
        for (var i = 0; i < _results.Length; i++)
        {
            if (_entry.Results[i].Format is not null)
            {
                _results[i].Value = take(i);
            }
        }
    }
}

/// <summary>One result of a run.</summary>
public sealed class EntryResult : IDisposable
{
    internal EntryResult(string name) => Name = name;

    /// <summary>Its name in the program.</summary>
    public string Name { get; }

    /// <summary>Whether the program stores it in a sparse format.</summary>
    public bool IsSparse => Value is OwnedSparseTensor;

    /// <summary>The tensor, of a dense result.</summary>
    /// <exception cref="InvalidOperationException">It is sparse.</exception>
    public OwnedTensor Dense => Value as OwnedTensor ?? throw new InvalidOperationException($"result {Name} is sparse; use Sparse, or ToDense");

    /// <summary>The tensor, of a sparse result.</summary>
    /// <exception cref="InvalidOperationException">It is dense.</exception>
    public OwnedSparseTensor Sparse => Value as OwnedSparseTensor ?? throw new InvalidOperationException($"result {Name} is dense");

    internal IDisposable? Value { get; set; }

    /// <summary>All elements, however they are stored. A new tensor; dispose it too.</summary>
    public OwnedTensor ToDense() => Value is OwnedSparseTensor sparse ? sparse.ToDense() : Dense.ConvertTo(Dense.Element);

    /// <summary>Gives the memory back.</summary>
    public void Dispose() => Value?.Dispose();
}
