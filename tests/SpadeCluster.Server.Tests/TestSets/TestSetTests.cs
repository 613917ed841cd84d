using SpadeCluster.Server.Scoring;
using SpadeCluster.Server.TestSets;

namespace SpadeCluster.Server.Tests.TestSets;

/// <summary>Test sets as people send them: files by label, the files of a folder, zip files.</summary>
public sealed class TestSetTests
{
    private static readonly ServerOptions Options = new() { MaxBatch = 4, MaxBodyBytes = 2000 };

    /// <summary>The layout of MVTec AD, in which kinds of defects have files of the same name.</summary>
    private static readonly (string Path, byte[] File)[] Folder =
    [
        ("bottle/train/good/000.png", [1]), ("bottle/test/good/000.png", [2]), ("bottle/test/dent/000.png", [3]),
        ("bottle/test/scratch/000.png", [4]), ("bottle/test/scratch/001.jpg", [5]), ("bottle/ground_truth/dent/000_mask.png", [6]),
        ("bottle/ground_truth/scratch/001.png", [7]), ("bottle/license.txt", [8]), ("bottle/test/good/._000.png", [9]),
    ];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_folder_and_a_zip_file_of_it_give_kinds_and_masks(bool zipped)
    {
        SentImage[] parts = zipped ? [Part("set", "bottle.zip", Zip.Of(Folder))] : [.. Folder.Select(f => Part("set", f.Path, f.File))];
        var set = TestSet.Read(parts, Options);
        Assert.Equal([("good", 2, -1), ("dent", 3, 6), ("scratch", 4, -1), ("scratch", 5, 7)],
            set.Select(t => (t.Kind, (int)t.File[0], t.Mask is [var m] ? m : -1)));
        Assert.Equal(["000.png", "000.png", "000.png", "001.jpg"], set.Select(t => t.Name));
        Assert.Equal([true, false, false, false], set.Select(t => t.Good));
    }

    [Fact]
    public void Files_by_label_have_masks_of_their_name()
    {
        var set = TestSet.Read([Part("good", "a.png", [1]), Part("defect", "a.png", [2]), Part("mask", "a_mask.png", [3])], Options);
        Assert.Equal([("good", true), ("defect", false)], set.Select(t => (t.Kind, t.Mask is null)));
    }

    [Theory]
    [InlineData("image", "a.png", "send good parts as 'good'")]
    [InlineData("set", "a.png", "is in no folder")]
    [InlineData("set", "good/a.txt", "has no photographs")]
    [InlineData("mask", "a_mask.png", "has no photographs")]
    public void What_is_no_test_set_is_told(string field, string path, string sentence)
        => Assert.Contains(sentence, Refusal(SpadeError.InvalidArgument, Part(field, path, [1])), StringComparison.Ordinal);

    [Fact]
    public void A_mask_without_a_photograph_is_told()
        => Assert.Contains("'defect/b' belongs to no photograph",
            Refusal(SpadeError.InvalidArgument, Part("defect", "a.png", [1]), Part("mask", "b_mask.png", [1])), StringComparison.Ordinal);

    [Fact]
    public void Limits_count_for_zip_files_too()
    {
        Assert.Contains("5 photographs, and at most 4", Refusal(SpadeError.ResourceExhausted,
            [.. Enumerable.Range(0, 5).Select(i => Part("good", $"{i}.png", [1]))]), StringComparison.Ordinal);
        foreach (var files in new[] { (Count: 9, Bytes: 1), (Count: 2, Bytes: 1001) })
            Assert.Contains("more than", Refusal(SpadeError.ResourceExhausted, Part("set", "a.zip",
                Zip.Of([.. Enumerable.Range(0, files.Count).Select(i => ($"good/{i}.png", new byte[files.Bytes]))]))),
                StringComparison.Ordinal);
        Assert.Equal(2, TestSet.Read([Part("set", "a.zip", Zip.Of(("good/0.png", new byte[1000]), ("good/1.png", new byte[1000])))],
            Options).Count);
    }

    [Fact]
    public void Limits_count_for_all_zip_files_together()
    {
        foreach (var files in new[] { (Count: 9, Bytes: 1), (Count: 3, Bytes: 1000) })
            Refusal(SpadeError.ResourceExhausted, [.. Enumerable.Range(0, files.Count)
                .Select(i => Part("set", $"{i}.zip", Zip.Of(($"good/{i}.png", new byte[files.Bytes]))))]);
    }

    private static string Refusal(SpadeError error, params SentImage[] parts)
    {
        var refused = Assert.Throws<SpadeException>(() => TestSet.Read(parts, Options));
        Assert.Equal(error, refused.Error);
        return refused.Message;
    }

    private static SentImage Part(string field, string path, byte[] file)
        => new(SentImage.Harmless(path, "image"), file) { Field = field, Path = path };
}
