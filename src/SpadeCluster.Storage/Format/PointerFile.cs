using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace SpadeCluster.Storage.Format;

/// <summary>Which version is current: the line "SPADE-CURRENT 1 VERSION HASH", where HASH is the hex SHA-256 of the text before
/// it.</summary>
internal static class PointerFile
{
    private const string Signature = "SPADE-CURRENT 1 ";

    public static byte[] Write(int version)
    {
        string line = Signature + version.ToString(CultureInfo.InvariantCulture) + " ";
        return Encoding.ASCII.GetBytes($"{line}{Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(line)))}\n");
    }

    /// <returns>The version, or null if the file is damaged.</returns>
    public static int? Parse(ReadOnlySpan<byte> file)
    {
        string[] words = Encoding.ASCII.GetString(file[..Math.Min(file.Length, 128)]).Split(' ');
        return words.Length == 4 && int.TryParse(words[2], NumberStyles.None, CultureInfo.InvariantCulture, out int version)
            && file.SequenceEqual(Write(version)) ? version : null;
    }
}
