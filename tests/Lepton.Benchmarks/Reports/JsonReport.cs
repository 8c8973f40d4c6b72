using System.Text;
using System.Text.Json;

namespace Lepton.Benchmarks.Reports;

/// <summary>All that was measured, for a program.</summary>
internal static class JsonReport
{
    public static string Of(Machine machine, IReadOnlyList<Measurement> measurements)
    {
        using var memory = new MemoryStream();
        using (var json = new Utf8JsonWriter(memory, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteString("processor", machine.Processor);
            json.WriteNumber("cores", machine.Cores);
            json.WriteString("utc", machine.Started.ToString("s"));
            json.WriteStartArray("peers");
            machine.Peers.ToList().ForEach(json.WriteStringValue);
            json.WriteEndArray();
            json.WriteStartArray("lines");
            foreach (var m in measurements)
            {
                json.WriteStartObject();
                json.WriteString("workload", m.Workload.Name);
                json.WriteNumber("threads", m.Threads);
                json.WriteNumber("lepton_ms", m.Ours * 1e3);
                json.WriteNumber("goal", m.Workload.Goal);
                if (m.Ratio is { } ratio)
                {
                    json.WriteNumber("ratio", ratio);
                    json.WriteBoolean("met", m.Met);
                }

                json.WriteStartArray("peers");
                foreach (var peer in m.Peers)
                {
                    json.WriteStartObject();
                    json.WriteString("name", peer.Contender);
                    json.WriteNumber("ms", peer.Seconds * 1e3);
                    json.WritePropertyName("largest_difference");
                    json.WriteRawValue(double.IsFinite(peer.Difference) ? JsonSerializer.Serialize(peer.Difference) : "null");
                    json.WriteEndObject();
                }

                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(memory.ToArray());
    }
}
