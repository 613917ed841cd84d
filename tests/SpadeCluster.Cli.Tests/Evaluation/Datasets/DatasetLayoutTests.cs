using System.Buffers.Binary;
using SpadeCluster.Cli.Evaluation;
using SpadeCluster.Cli.Evaluation.Datasets;
using SpadeCluster.Evaluation;
using SpadeCluster.Features;
using SpadeCluster.Imaging;

namespace SpadeCluster.Cli.Tests.Evaluation.Datasets;

public class DatasetLayoutTests : WorkFolder
{
    private const int Side = 8;

    /// <summary>A defect of 2x3 pixels, of the given value.</summary>
    private static byte[] Mask(byte value)
    {
        var mask = new byte[Side * Side];
        for (int y = 2; y < 4; y++) mask.AsSpan(y * Side + 3, 3).Fill(value);
        return mask;
    }

    [Theory]
    [InlineData("mvtec", "good", "test", "test/good", "test/crack", "ground_truth/crack/1_mask.png", "crack")]
    [InlineData("mvtec", "good", "test", "test/good", "test/crack", "ground_truth/crack/1.png", "crack")]
    [InlineData("mvtec2", "good", "test_public", "test_public/good", "test_public/bad", "test_public/ground_truth/bad/1_mask.png", "bad")]
    [InlineData("btad", "ok", "test", "test/ok", "test/ko", "ground_truth/ko/1.bmp", "ko")]
    public void Folders_of_kinds_and_masks(string layout, string good, string test, string goodTest, string badTest, string mask,
        string kind)
    {
        Write(0, $"01/train/{good}/b.png", $"01/train/{good}/a.png", $"01/{goodTest}/0.png", $"01/{badTest}/1.png", $"01/{badTest}/2.png");
        Write(255, $"01/{mask}");
        File.WriteAllText(At("01", "train", good, "notes.txt"), "");
        Directory.CreateDirectory(At("01", test));
        foreach (var found in new[] { DatasetLayout.Open(Root), DatasetLayout.Open(At("01")), DatasetLayout.Open(Root, layout) })
        {
            var dataset = Assert.Single(found);
            Assert.Equal("01", dataset.Name);
            Assert.Equal(["a.png", "b.png"], dataset.Train.Select(f => Path.GetFileName(f)));
            Assert.Equal([(kind, true, true), (kind, true, false), ("good", false, false)],
                dataset.Test.OrderByDescending(t => t.Kind == kind).ThenBy(t => t.Path)
                    .Select(t => (t.Kind, t.Anomalous, t.MaskPath is not null)));
            AssertExactMask(dataset);
        }
    }

    [Fact]
    public void Visa_with_its_split_and_masks_of_small_numbers()
    {
        const string Images = "candle/Data/Images/";
        Write(0, Images + "Normal/0.png", Images + "Normal/1.png", Images + "Anomaly/1.png", "pcb1/Data/Images/Normal/0.png",
            "pcb1/Data/Images/Normal/1.png");
        // VisA's masks have the number of the kind of defect.
        Write(2, "candle/Data/Masks/Anomaly/1.png");
        Directory.CreateDirectory(At("split_csv"));
        File.WriteAllText(At("split_csv", "1cls.csv"), $"""
            object,split,label,image,mask
            pcb1,train,normal,pcb1/Data/Images/Normal/0.png,
            pcb1,test,normal,pcb1/Data/Images/Normal/1.png,
            candle,train,normal,{Images}Normal/0.png,
            candle,test,normal,{Images}Normal/1.png,
            candle,test,anomaly,{Images}Anomaly/1.png,candle/Data/Masks/Anomaly/1.png
            """);
        var found = DatasetLayout.Open(Root);
        Assert.Equal(["candle", "pcb1"], found.Select(d => d.Name));
        Assert.Equal([1, 1], found.Select(d => d.Train.Count));
        Assert.Equal(["good", "anomaly"], found[0].Test.Select(t => t.Kind));
        AssertExactMask(found[0]);
    }

    [Fact]
    public void Kolektor_where_labels_say_what_is_defective()
    {
        for (int item = 1; item <= 3; item++)
        {
            for (int part = 0; part < 2; part++)
            {
                Write(0, $"kos0{item}/Part{part}.png");
                Write((byte)(item > 1 && part == 1 ? 255 : 0), $"kos0{item}/Part{part}_label.bmp");
            }
        }
        var dataset = Assert.Single(DatasetLayout.Open(Root));
        string Name(string path) => Path.GetRelativePath(Root, path);
        Assert.Equal(["kos01/Part0.png", "kos01/Part1.png", "kos03/Part0.png"], dataset.Train.Select(Name));
        Assert.Equal([("kos02/Part0.png", "good"), ("kos02/Part1.png", "defect"), ("kos03/Part1.png", "defect")],
            dataset.Test.Select(t => (Name(t.Path), t.Kind)));
        AssertExactMask(dataset);
    }

    [Fact]
    public void A_table_of_labels()
    {
        Write(0, "a, first.png", "b.png", "c.png", "d.png");
        Write(1, "masks/c.png");
        File.WriteAllText(At("labels.csv"),
            "label,image,split,mask\r\ngood,\"a, first.png\",train,\r\ngood,b.png,test,\r\nscratch,c.png,test,masks/c.png\r\n"
            + "dent,d.png,test,\r\n");
        var dataset = Assert.Single(DatasetLayout.Open(Root));
        Assert.Equal(At("a, first.png"), Assert.Single(dataset.Train));
        Assert.Equal([("good", false), ("scratch", true), ("dent", false)], dataset.Test.Select(t => (t.Kind, t.MaskPath is not null)));
        AssertExactMask(dataset);
    }

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("image,split", "has no column 'label'")]
    [InlineData("image,split,label", "has no rows")]
    [InlineData("image,split,label\nx.png,train,good", "line 2: no file")]
    [InlineData("image,split,label\na.png,validation,good", "line 2: the split is 'validation'")]
    [InlineData("image,split,label\na.png,test,", "line 2: the label is empty")]
    [InlineData("image,split,label\na.png,\"test", "line 2 is not CSV")]
    [InlineData("image,split,label\na.png,train,dent", "is 'dent' and in train")]
    public void A_wrong_table_is_named_with_its_line(string table, string problem)
    {
        Write(0, "a.png");
        File.WriteAllText(At("labels.csv"), table);
        var e = Assert.Throws<SpadeException>(() => DatasetLayout.Open(Root));
        Assert.Equal(SpadeError.InvalidArgument, e.Error);
        Assert.Contains("labels.csv: ", e.Message, StringComparison.Ordinal);
        Assert.Contains(problem, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Says_what_is_missing()
    {
        Assert.Equal(SpadeError.NotFound, Assert.Throws<SpadeException>(() => DatasetLayout.Open(At("nowhere"))).Error);
        var none = Assert.Throws<SpadeException>(() => DatasetLayout.Open(Root));
        Assert.All(DatasetLayout.All, l => Assert.Contains($"({l.Name})", none.Message, StringComparison.Ordinal));
        Assert.DoesNotContain("(visa)", Assert.Throws<SpadeException>(() => DatasetLayout.Open(Root, "btad")).Message,
            StringComparison.Ordinal);
        Directory.CreateDirectory(At("x", "train", "good"));
        Directory.CreateDirectory(At("x", "test"));
        Assert.Contains("no images", Assert.Throws<SpadeException>(() => DatasetLayout.Open(Root)).Message, StringComparison.Ordinal);
    }

    private static void AssertExactMask(InspectionDataset dataset)
    {
        var masked = dataset.Test.First(t => t.MaskPath is not null);
        Assert.Equal(Mask(1).Select(v => v == 1), Evaluator.ReadMask(masked, Preprocessing.Stretch(Side, Side), Side * Side));
    }

    /// <summary>Writes pictures, black but for the defect.</summary>
    private void Write(byte value, params string[] files)
    {
        foreach (string file in files)
        {
            string path = At(file);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            byte[] grey = Mask(value);
            if (Path.GetExtension(file) == ".bmp") File.WriteAllBytes(path, Bmp(grey));
            else PngEncoder.WriteFile(path, new RgbImage(Side, Side, [.. grey.SelectMany(v => new[] { v, v, v })]));
        }
    }

    /// <summary>24 bits a pixel, rows from the bottom.</summary>
    private static byte[] Bmp(byte[] grey)
    {
        var file = new byte[54 + grey.Length * 3];
        "BM"u8.CopyTo(file);
        foreach (var (at, number) in new[] { (2, file.Length), (10, 54), (14, 40), (18, Side), (22, Side), (34, grey.Length * 3) })
            BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(at), number);
        (file[26], file[28]) = (1, 24);
        for (int i = 0; i < grey.Length; i++) file.AsSpan(54 + ((Side - 1 - i / Side) * Side + i % Side) * 3, 3).Fill(grey[i]);
        return file;
    }
}
