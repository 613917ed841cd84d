using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace SpadeCluster.Server.Deliveries;

/// <summary>Signatures of the Standard Webhooks specification: HMAC-SHA256 over id, time and body.</summary>
internal static class WebhookSignature
{
    private const string Prefix = "whsec_";

    /// <summary>Bytes of a secret, by the specification.</summary>
    private const int LeastBytes = 24, MostBytes = 64;

    /// <summary>The secrets of a destination, one a line of its file; with two, a receiver can change from one to the other.</summary>
    /// <exception cref="SpadeException">InvalidArgument: no file, or not a secret.</exception>
    public static IReadOnlyList<byte[]> ReadSecrets(Destination destination)
    {
        if (destination.SecretFile is null) throw destination.Wrong($"a webhook needs 'secret_file', {Description}");
        byte[]?[] secrets = [.. File.ReadLines(destination.SecretFile).Where(l => l.Length > 0).Select(Parse)];
        if (secrets.Length == 0 || secrets.Any(s => s is null))
            throw destination.Wrong($"'{destination.SecretFile}' is not {Description}");
        return secrets!;
    }

    /// <returns>The value of the header webhook-signature: a signature for each secret.</returns>
    public static string Sign(IEnumerable<byte[]> secrets, string id, long seconds, ReadOnlySpan<byte> body)
    {
        byte[] signed = [.. Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{id}.{seconds}.")), .. body];
        return string.Join(' ', secrets.Select(s => $"v1,{Convert.ToBase64String(HMACSHA256.HashData(s, signed))}"));
    }

    private const string Description =
        "a file with a line of whsec_ and 24 to 64 bytes in base64; create one with: echo whsec_$(openssl rand -base64 32)";

    private static byte[]? Parse(string line)
    {
        byte[] bytes = new byte[MostBytes];
        line = line.Trim();
        return line.StartsWith(Prefix, StringComparison.Ordinal)
            && Convert.TryFromBase64String(line[Prefix.Length..], bytes, out int length) && length >= LeastBytes ? bytes[..length] : null;
    }
}
