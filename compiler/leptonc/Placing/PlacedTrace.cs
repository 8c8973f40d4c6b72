using System.Text;
using System.Text.Json;
using Lepton.Runtime.Devices;

namespace Lepton.CommandLine.Placing;

/// <summary>
/// What devices did, and beside it what was planned, as the JSON that chrome://tracing and Perfetto read: a process each, rows by device; complete
/// events ("X"), times in microseconds.
/// </summary>
internal static class PlacedTrace
{
    public static string Of(PlacedTimeline measured, IReadOnlyList<(string Device, string Kernel, double Start, double End)> planned)
    {
        using var memory = new MemoryStream();
        using (var json = new Utf8JsonWriter(memory))
        {
            json.WriteStartObject();
            json.WriteString("displayTimeUnit", "ns");
            json.WriteStartArray("traceEvents");
            Process(json, 1, "measured", [.. measured.Spans.Select(s => (Row(s), s.Name, s.Start, s.End))]);
            if (planned.Count > 0)
            {
                Process(json, 2, "planned", [.. planned.Select(p => (p.Device, p.Kernel, p.Start, p.End))]);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(memory.ToArray());
    }

    private static string Row(TimelineSpan span) => span.Kind switch
    {
        SpanKind.Copy => $"{span.Device} copies",
        SpanKind.Kernel => $"{span.Device} kernels",
        _ => span.Device,
    };

    private static void Process(Utf8JsonWriter json, int number, string name, IReadOnlyList<(string Row, string Name, double Start, double End)> spans)
    {
        var rows = spans.Select(s => s.Row).Distinct().Order(StringComparer.Ordinal).ToList();
        Metadata(json, "process_name", number, 0, name);
        foreach (var (i, row) in rows.Index())
        {
            Metadata(json, "thread_name", number, i, row);
        }

        foreach (var span in spans)
        {
            json.WriteStartObject();
            json.WriteString("name", span.Name);
            json.WriteString("ph", "X");
            json.WriteNumber("pid", number);
            json.WriteNumber("tid", rows.IndexOf(span.Row));
            json.WriteNumber("ts", Math.Round(span.Start * 1e6, 3));
            json.WriteNumber("dur", Math.Round((span.End - span.Start) * 1e6, 3));
            json.WriteEndObject();
        }
    }

    private static void Metadata(Utf8JsonWriter json, string what, int process, int row, string name)
    {
        json.WriteStartObject();
        json.WriteString("name", what);
        json.WriteString("ph", "M");
        json.WriteNumber("pid", process);
        json.WriteNumber("tid", row);
        json.WriteStartObject("args");
        json.WriteString("name", name);
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
