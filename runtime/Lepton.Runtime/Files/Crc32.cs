namespace Lepton.Runtime.Files;

/// <summary>CRC-32 as zip has it: polynomial 0x04C11DB7, bits reversed, start and end inverted by the caller.</summary>
internal static class Crc32
{
    private static readonly uint[] Table = MakeTable();

    internal static uint Add(uint crc, ReadOnlySpan<byte> bytes)
    {
        foreach (var value in bytes)
        {
            crc = Table[(byte)(crc ^ value)] ^ (crc >> 8);
        }

        return crc;
    }

    private static uint[] MakeTable()
    {
        var table = new uint[256];
        for (uint i = 0; i < 256; i++)
        {
            var value = i;
            for (var bit = 0; bit < 8; bit++)
            {
                value = (value & 1) != 0 ? (value >> 1) ^ 0xEDB88320 : value >> 1;
            }

            table[i] = value;
        }

        return table;
    }
}
