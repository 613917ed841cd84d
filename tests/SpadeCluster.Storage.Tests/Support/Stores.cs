using System.Text;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using SpadeCluster.Storage.Files;
using SpadeCluster.Storage.Postgres;
using SpadeCluster.Tests;

namespace SpadeCluster.Storage.Tests.Support;

public enum Medium
{
    Files,
    Postgres,
}

/// <summary>Empty stores of either kind for one test, and what tests do with them.</summary>
public sealed class Stores(PostgresCluster postgres) : IDisposable
{
    private readonly List<IDisposable> _open = [];
    private string? _folder;

    /// <summary>Theory data: the media that can be tested on this machine.</summary>
    public static TheoryData<Medium> Media() => PostgresCluster.Missing is null ? [Medium.Files, Medium.Postgres] : [Medium.Files];

    public string Folder => _folder ??= Directory.CreateTempSubdirectory("spade-test-").FullName;

    /// <summary>The location of a new, empty store: a folder or a connection string.</summary>
    public string NewLocation(Medium medium) =>
        medium == Medium.Files ? Directory.CreateDirectory(Path.Combine(Folder, Guid.NewGuid().ToString("n"))).FullName
        : postgres.NewSchema();

    public GalleryStore New(Medium medium) => Open(medium, NewLocation(medium));

    public GalleryStore Open(Medium medium, string location)
    {
        var store = OpenStore(medium, location);
        if (store is IDisposable d) _open.Add(d);
        return store;
    }

    public static GalleryStore OpenStore(Medium medium, string location) =>
        medium == Medium.Files ? new FileGalleryStore(location) : new PostgresGalleryStore(location);

    public static GalleryService Service(IGalleryStore store, string author = "ann") =>
        new(store, new SyntheticEngine(), author, threads: 1, thumbnail: image => image.Pixels[..24]);

    public static ImageSource Image(int n) => new($"{n}.png", Encoding.ASCII.GetBytes($"image {n}"));

    public static ImageSource[] Images(params int[] numbers) => [.. numbers.Select(Image)];

    public static ImageSource[] ImageRange(int start, int count) => Images([.. Enumerable.Range(start, count)]);

    /// <summary>Scores of some images, by the version that decides.</summary>
    public static async Task<double[]> ScoresAsync(IGalleryStore store, string category, params int[] queries)
    {
        using var scoring = new ScoringService(store, new SyntheticEngine(), threads: 1);
        var scores = new List<double>();
        foreach (int q in queries) scores.Add((await scoring.ScoreAsync(category, Image(q))).Result.Map!.Score);
        return [.. scores];
    }

    public void Dispose()
    {
        foreach (var store in _open) store.Dispose();
        if (_folder is not null) Directory.Delete(_folder, recursive: true);
    }
}
