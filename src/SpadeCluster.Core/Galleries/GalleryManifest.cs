using System.Text.Json.Serialization;
using SpadeCluster.Features;
using SpadeCluster.Scoring;

namespace SpadeCluster.Galleries;

/// <summary>One normal image of a gallery.</summary>
/// <param name="Id">First 8 bytes of <paramref name="Sha256"/>.</param>
/// <param name="Sha256">Hex SHA-256 of the source file.</param>
/// <param name="Source">Name of the source file, for people.</param>
/// <param name="AddedAt">When it was added (UTC).</param>
/// <param name="AddedBy">Who added it.</param>
/// <param name="Width">Width of the photograph in pixels; 0 in galleries of versions that did not store it.</param>
/// <param name="Height">Its height in pixels.</param>
public sealed record GalleryImage(ImageId Id, string Sha256, string Source, DateTimeOffset AddedAt, string AddedBy, int Width = 0,
    int Height = 0);

/// <summary>An immutable version of a category's gallery: which images, for which model, with which thresholds.</summary>
public sealed record GalleryManifest
{
    public required string Category { get; init; }

    /// <summary>1, 2, 3 ...</summary>
    public required int Version { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }
    public required string CreatedBy { get; init; }

    /// <summary>The change that made this version: "add 12 images", "retire 0123...: blurred", "calibrate".</summary>
    public required string Reason { get; init; }

    public required FeatureModel Model { get; init; }

    /// <summary>How photographs are resized and cut to the model's input: <see cref="IImagePreparer.Description"/>.</summary>
    public required string Preprocessing { get; init; }

    /// <summary>Ascending by id.</summary>
    public required IReadOnlyList<GalleryImage> Images { get; init; }

    /// <summary>Some images, for lists in pages.</summary>
    /// <param name="after">Only images with a higher id; null: from the first one.</param>
    public IReadOnlyList<GalleryImage> ImagesAfter(ImageId? after, int count)
        => [.. Images.SkipWhile(i => after is { } id && i.Id <= id).Take(count)];

    /// <summary>Null where all squared differences have weight 1.</summary>
    public FeatureWeights? Weights { get; init; }

    /// <summary>The part of the photographs that is inspected; null: the whole photographs.</summary>
    public Region? Region { get; init; }

    /// <summary>Number of shards in a cluster; <see cref="ShardMap"/> assigns the images. It has no effect on scores.</summary>
    public int Shards { get; init; } = 1;

    /// <summary>Images that an engineer accepted as good although their scores are far outside the others'.</summary>
    public IReadOnlyList<ImageId> Accepted { get; init; } = [];

    /// <summary>Null until calibrated for exactly these images.</summary>
    public Calibration? Calibration { get; init; }

    /// <summary>Set on the version that deletes the category. Left out of other versions' files, so that earlier programs can read
    /// them.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Deletion? Deletion { get; init; }

    /// <summary>Whether this version is on trial: it never decides. Left out of other versions' files, too.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Trial { get; init; }
}
