using System.Text;
using System.Text.Json;

namespace Lepton.CommandLine.Profiling;

/// <summary>The timeline as the JSON that chrome://tracing and Perfetto read: complete events ("X"), times in microseconds.</summary>
internal static class ChromeTrace
{
    public static string Of(Profile profile)
    {
        var spans = Timeline.Of(profile);
        using var memory = new MemoryStream();
        using (var json = new Utf8JsonWriter(memory))
        {
            json.WriteStartObject();
            json.WriteString("displayTimeUnit", "ns");
            json.WriteStartArray("traceEvents");
            Metadata(json, "process_name", 0, profile.Entry);
            foreach (var row in spans.Select(s => s.Row).Distinct().Order())
            {
                Metadata(json, "thread_name", row, row == 0 ? "launches" : $"thread {row}");
            }

            foreach (var span in spans)
            {
                json.WriteStartObject();
                json.WriteString("name", span.Kernel.Name);
                json.WriteString("cat", span.Row == 0 ? "launch" : "chunks");
                json.WriteString("ph", "X");
                json.WriteNumber("pid", 1);
                json.WriteNumber("tid", span.Row);
                json.WriteNumber("ts", Math.Round(span.Start, 3));
                json.WriteNumber("dur", Math.Round(span.Duration, 3));
                json.WriteStartObject("args");
                json.WriteString("strategy", span.Kernel.Strategy.ToString().ToLowerInvariant());
                json.WriteNumber("launch", span.Launch);
                json.WriteNumber("first_chunk", span.First);
                json.WriteNumber("end_chunk", span.Limit);
                json.WriteEndObject();
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(memory.ToArray());
    }

    private static void Metadata(Utf8JsonWriter json, string what, int row, string name)
    {
        json.WriteStartObject();
        json.WriteString("name", what);
        json.WriteString("ph", "M");
        json.WriteNumber("pid", 1);
        json.WriteNumber("tid", row);
        json.WriteStartObject("args");
        json.WriteString("name", name);
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
