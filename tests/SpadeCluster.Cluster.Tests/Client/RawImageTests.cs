using SpadeCluster.Client;
using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;

namespace SpadeCluster.Cluster.Tests.Client;

/// <summary>Pixels score as the same image in a file does.</summary>
public sealed class RawImageTests : IAsyncLifetime
{
    private const int Width = 30, Height = 20, Padding = 6;

    private TestGateway _gateway = null!;

    public async Task InitializeAsync()
    {
        var (store, engines) = (new InMemoryGalleryStore(), new FakeEngines(new FakeExtractor()));
        await new GalleryService(store, engines, "test").AddAsync("plate", Photos.Normals(4));
        _gateway = await TestGateway.StartStandaloneAsync(store, engines);
    }

    public async Task DisposeAsync() => await _gateway.DisposeAsync();

    [Theory]
    [InlineData(RawFormat.Rgb8)]
    [InlineData(RawFormat.Bgr8)]
    [InlineData(RawFormat.Gray8)]
    [InlineData(RawFormat.Gray16)]
    public async Task Every_format_scores_as_the_file_does(RawFormat format)
    {
        var (raw, tight) = (Make(format, Padding), Make(format, 0));
        // The same picture in a file: its pixels decide the score, its bytes the id.
        var encoded = await _gateway.Client.ScoreAsync("plate", new ImageSource("a", PngEncoder.Encode(RawImage.Unpack(raw.Pack()))));
        string id = ImageId.Of(tight.Pack()).ToString();
        foreach (var image in (RawImage[])[raw, tight])
        {
            var score = await _gateway.Client.ScoreAsync("plate", image);
            Assert.Equal((id, encoded.RawScore, encoded.GateDistance, "raw"),
                (score.ImageId, score.RawScore, score.GateDistance, score.File));
        }
        var map = await _gateway.Client.ScoreWithMapAsync("plate", raw);
        Assert.Equal((await _gateway.Client.ScoreWithMapAsync("plate", tight)).Map, map.Map);
    }

    [Fact]
    public async Task Pixels_stream_in_chunks_and_are_added()
    {
        var options = new SpadeClientOptions { ChunkBytes = 100, Addresses = { new Uri(_gateway.Address) } };
        using var client = new SpadeClient(options);
        var images = Enum.GetValues<RawFormat>().Select(f => Make(f, Padding)).ToList();
        int at = 0;
        await foreach (var score in client.ScoreStreamAsync("plate", images.ToAsyncEnumerable()))
            Assert.Equal(ImageId.Of(images[at++].Pack()).ToString(), score.Score!.ImageId);
        Assert.Equal(images.Count, at);
        // RGB8 and BGR8 are the same image.
        Assert.Equal(3, (await client.AddNormalsAsync("new", images, "camera"))!.ImageCount);
    }

    [Theory]
    [InlineData(-1, 20, 0)]
    [InlineData(30, 20, -3)]
    [InlineData(30, 20, 7)]
    [InlineData(30, 21, 0)]
    public async Task Pixels_that_do_not_fit_are_invalid(int width, int height, int stride)
    {
        var raw = Make(RawFormat.Gray8, 0);
        var e = await Assert.ThrowsAsync<SpadeException>(() =>
            _gateway.Client.ScoreAsync("plate", raw with { Width = width, Height = height, Stride = stride }));
        Assert.Equal(SpadeError.InvalidArgument, e.Error);
    }

    /// <summary>The same picture in every layout of three channels, rows padded with noise.</summary>
    private static RawImage Make(RawFormat format, int padding)
    {
        int bytes = format switch { RawFormat.Gray8 => 1, RawFormat.Gray16 => 2, _ => 3 }, stride = Width * bytes + padding;
        var pixels = new byte[stride * Height];
        new Random(1).NextBytes(pixels);
        var random = new Random(2);
        for (int y = 0; y < Height; y++)
            for (int x = 0; x < Width; x++)
            {
                var at = pixels.AsSpan(y * stride + x * bytes, bytes);
                random.NextBytes(at);
                if (format == RawFormat.Bgr8) at.Reverse();
            }
        return new RawImage("raw", format, Width, Height, pixels, padding == 0 ? 0 : stride);
    }
}
