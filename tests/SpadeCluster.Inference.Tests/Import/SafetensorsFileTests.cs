using System.Text;
using SpadeCluster.Inference.Import;

namespace SpadeCluster.Inference.Tests.Import;

public class SafetensorsFileTests
{
    private static string Refused(string header, int dataBytes, string tensor = "a", ulong? claimedLength = null)
    {
        using var folder = new TemporaryFolder();
        string path = folder.In("weights.safetensors");
        using (var file = File.Create(path))
        {
            byte[] bytes = Encoding.UTF8.GetBytes(header);
            file.Write(BitConverter.GetBytes(claimedLength ?? (ulong)bytes.Length));
            file.Write(bytes);
            file.Write(new byte[dataBytes]);
        }
        var error = Assert.Throws<SpadeException>(() =>
        {
            using var weights = new SafetensorsFile(path);
            weights.Get(tensor, 2);
        });
        Assert.Equal(SpadeError.InvalidArgument, error.Error);
        Assert.Contains(path, error.Message);
        return error.Message;
    }

    private static string Tensor(string name, long begin, long end, string shape = "[2]", string dtype = "F32") =>
        $$"""{{'"'}}{{name}}{{'"'}}:{"dtype":"{{dtype}}","shape":{{shape}},"data_offsets":[{{begin}},{{end}}]}""";

    [Fact]
    public void Lying_headers_are_refused()
    {
        Assert.Contains("header would have 9000000000 bytes", Refused("{}", 8, claimedLength: 9_000_000_000));
        Assert.Contains("header would have 18446744073709551615", Refused("{}", 8, claimedLength: ulong.MaxValue));
        Assert.Contains("header would have 100 bytes", Refused("{}", 8, claimedLength: 100));
        Assert.Contains("unreadable header", Refused("{\"a\":", 8));
        Assert.Contains("unreadable header", Refused("[1]", 8));
        Assert.Contains("unreadable header", Refused("{\"a\":{\"dtype\":\"F32\"}}", 8));
        Assert.Contains("unreadable header", Refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,8]}}", 8));
    }

    [Fact]
    public void Lying_offsets_are_refused()
    {
        Assert.Contains("0 to 8 of 7", Refused("{" + Tensor("a", 0, 8) + "}", 7));
        Assert.Contains("truncated or damaged", Refused("{" + Tensor("a", 8, 0) + "}", 8));
        Assert.Contains("truncated or damaged", Refused("{" + Tensor("a", -8, 0) + "}", 8));
        Assert.Contains("truncated or damaged", Refused("{" + Tensor("a", long.MaxValue - 8, long.MaxValue) + "}", 8));
        Assert.Contains("needs 12", Refused("{" + Tensor("a", 0, 8, "[3]") + "}", 8));
        Assert.Contains("impossible dimensions", Refused("{" + Tensor("a", 0, 8, "[2,4000000000]") + "}", 8));
        Assert.Contains("impossible dimensions", Refused("{" + Tensor("a", 0, 8, "[2000000000,2000000000,2000000000]") + "}", 8));
        Assert.Contains("overlaps", Refused("{" + Tensor("a", 0, 8) + "," + Tensor("b", 4, 12) + "}", 12));
        Assert.Contains("twice", Refused("{" + Tensor("a", 0, 8) + "," + Tensor("a", 8, 16) + "}", 16));
    }

    [Fact]
    public void Tensors_that_are_missing_or_of_another_kind_are_named()
    {
        string file = "{" + Tensor("a", 0, 8) + "," + Tensor("b", 8, 16, "[1]", "I64") + "," + Tensor("c", 16, 18, "[2]", "F8_E4M3") + ","
            + Tensor("d", 18, 26, "[2]", "I32") + "}";
        Assert.Contains("no tensor 'x'", Refused(file, 26, "x"));
        Assert.Contains("'b' has the shape [1]", Refused(file, 26, "b"));
        Assert.Contains("'d' has the type I32", Refused(file, 26, "d"));
    }

    [Theory]
    [InlineData("F16")]
    [InlineData("BF16")]
    public void Half_precision_is_widened(string dtype)
    {
        using var folder = new TemporaryFolder();
        var weights = new RecordingWeights(1);
        float[] values = weights.Get("a", 3, 5);
        weights.Write(folder.In("w"), dtype);
        using var file = new SafetensorsFile(folder.In("w"));
        float[] read = file.Get("a", 3, 5);
        Assert.All(values.Zip(read), p => Assert.InRange(Math.Abs(p.First - p.Second), 0, 0.01 * Math.Abs(p.First) + 1e-6));
        Assert.Contains(values.Zip(read), p => p.First != p.Second);
    }

    [Fact]
    public void Weights_that_are_not_finite_are_refused()
    {
        using var folder = new TemporaryFolder();
        RecordingWeights.Write(folder.In("w"), new() { ["a"] = ("F32", [1], BitConverter.GetBytes(float.NaN)) });
        using var file = new SafetensorsFile(folder.In("w"));
        Assert.Contains("NaN", Assert.Throws<SpadeException>(() => file.Get("a", 1)).Message);
    }
}
