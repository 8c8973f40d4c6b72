using System.Text;
using Lepton.Abi;
using Lepton.Runtime.Tensors;

namespace Lepton.Runtime.Text;

/// <summary>
/// A tensor as text, as <c>print(array)</c> of NumPy 2 shows it with its default options: 8 digits after the point, lines of 75 characters,
/// above 1000 elements only three at each end of every axis.
/// </summary>
public static class NumPyText
{
    private const int LineWidth = 75;
    private const int Threshold = 1000;
    private const int EdgeItems = 3;

    /// <summary>The text, without a line end after it.</summary>
    public static unsafe string Format(Tensor tensor)
    {
        using var pin = tensor.Pin();
        var data = (byte*)pin.Pointer;
        if (tensor.Rank == 0)
        {
            return tensor.Element.IsFloat() ? FloatFormat.Scalar(FloatParts.At(data, 0, tensor.Element))
                : tensor.Element == ElementType.Bool ? (data[0] != 0 ? "True" : "False")
                : ElementFormat.Text(data, 0, tensor.Element);
        }

        if (tensor.Length == 0)
        {
            return "[]";
        }

        var layout = new Layout(tensor.Shape.ToArray(), tensor.Length > Threshold);
        var shown = new List<long>();
        layout.Collect(0, 0, shown);
        layout.Format = ElementFormat.For(data, tensor.Element, shown);
        var text = new StringBuilder();
        layout.Write(text, 0, 0);
        return text.ToString();
    }

    private sealed class Layout
    {
        private readonly long[] _shape;
        private readonly long[] _strides;
        private readonly bool _summary;

        internal Layout(long[] shape, bool summary)
        {
            (_shape, _summary) = (shape, summary);
            _strides = new long[shape.Length];
            long stride = 1;
            for (var axis = shape.Length - 1; axis >= 0; axis--)
            {
                _strides[axis] = stride;
                stride *= shape[axis];
            }
        }

        internal ElementFormat? Format { get; set; }

        /// <summary>The elements that will be shown: the common width is theirs alone.</summary>
        internal void Collect(int axis, long offset, List<long> shown)
        {
            if (axis == _shape.Length)
            {
                shown.Add(offset);
                return;
            }

            foreach (var i in Indices(axis))
            {
                if (i >= 0)
                {
                    Collect(axis + 1, offset + (i * _strides[axis]), shown);
                }
            }
        }

        internal void Write(StringBuilder text, int axis, long offset)
        {
            text.Append('[');
            if (axis == _shape.Length - 1)
            {
                WriteRow(text, axis, offset);
            }
            else
            {
                var firstItem = true;
                foreach (var i in Indices(axis))
                {
                    if (!firstItem)
                    {
                        text.Append('\n', _shape.Length - axis - 1).Append(' ', axis + 1);
                    }

                    firstItem = false;
                    if (i < 0)
                    {
                        text.Append("...");
                    }
                    else
                    {
                        Write(text, axis + 1, offset + (i * _strides[axis]));
                    }
                }
            }

            text.Append(']');
        }

        /// <summary>One row, broken where the next word and the closing brackets of all axes would pass the line's end.</summary>
        private void WriteRow(StringBuilder text, int axis, long offset)
        {
            var indent = _shape.Length;
            var width = LineWidth - _shape.Length;
            var column = indent;
            var firstItem = true;
            foreach (var i in Indices(axis))
            {
                var word = i < 0 ? "..." : Format!.Format(offset + i);
                if (!firstItem)
                {
                    // The blank between words counts against the line, but vanishes at a break.
                    column++;
                    if (column + word.Length > width && column > indent)
                    {
                        TrimEnd(text);
                        text.Append('\n').Append(' ', indent);
                        column = indent;
                    }
                    else
                    {
                        text.Append(' ');
                    }
                }

                firstItem = false;
                text.Append(word);
                column += word.Length;
            }
        }

        private static void TrimEnd(StringBuilder text)
        {
            while (text[^1] == ' ')
            {
                text.Length--;
            }
        }

        /// <summary>The indices shown along an axis; -1 stands for the gap.</summary>
        private IEnumerable<long> Indices(int axis)
        {
            var size = _shape[axis];
            var gap = _summary && size > 2 * EdgeItems;
            for (long i = 0; i < (gap ? EdgeItems : size); i++)
            {
                yield return i;
            }

            if (gap)
            {
                yield return -1;
                for (var i = size - EdgeItems; i < size; i++)
                {
                    yield return i;
                }
            }
        }
    }
}
