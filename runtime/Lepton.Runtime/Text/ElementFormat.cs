using System.Globalization;
using Lepton.Abi;

namespace Lepton.Runtime.Text;

/// <summary>How the elements of one printed tensor look: all as wide as the widest that is shown.</summary>
internal abstract unsafe class ElementFormat
{
    /// <summary>The text of an element.</summary>
    internal abstract string Format(long index);

    /// <summary>The common format for the elements that will be shown.</summary>
    internal static ElementFormat For(byte* data, ElementType element, IReadOnlyList<long> shown) =>
        element.IsFloat() ? new FloatFormat(data, element, shown)
        : element == ElementType.Bool ? new BoolFormat(data)
        : new IntegerFormat(data, element, shown);

    private sealed class BoolFormat(byte* data) : ElementFormat
    {
        private readonly byte* _data = data;

        internal override string Format(long index) => _data[index] != 0 ? " True" : "False";
    }

    private sealed class IntegerFormat : ElementFormat
    {
        private readonly byte* _data;
        private readonly ElementType _element;
        private readonly int _width;

        internal IntegerFormat(byte* data, ElementType element, IReadOnlyList<long> shown)
        {
            _data = data;
            _element = element;
            foreach (var index in shown)
            {
                _width = Math.Max(_width, Text(data, index, element).Length);
            }
        }

        internal override string Format(long index) => Text(_data, index, _element).PadLeft(_width);
    }

    internal static string Text(byte* data, long index, ElementType element)
    {
        long value = element switch
        {
            ElementType.I64 => ((long*)data)[index],
            ElementType.I32 => ((int*)data)[index],
            ElementType.I16 => ((short*)data)[index],
            ElementType.I8 => ((sbyte*)data)[index],
            _ => data[index],
        };
        return value.ToString(CultureInfo.InvariantCulture);
    }
}
