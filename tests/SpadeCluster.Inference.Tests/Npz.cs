using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;

namespace SpadeCluster.Inference.Tests;

/// <summary>Reads float32 arrays in C order from NumPy's .npz (a zip of .npy).</summary>
internal static class Npz
{
    public static Dictionary<string, float[]> Read(string path)
    {
        using var zip = ZipFile.OpenRead(path);
        return zip.Entries.ToDictionary(e => Path.GetFileNameWithoutExtension(e.Name), e =>
        {
            using var stream = e.Open();
            using var memory = new MemoryStream();
            stream.CopyTo(memory);
            byte[] bytes = memory.ToArray();
            int start = 10 + BitConverter.ToUInt16(bytes, 8);
            string header = Encoding.ASCII.GetString(bytes, 10, start - 10);
            Assert.Contains("'descr': '<f4', 'fortran_order': False", header);
            return MemoryMarshal.Cast<byte, float>(bytes.AsSpan(start)).ToArray();
        });
    }
}
