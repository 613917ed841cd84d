using CsvHelper;
using SpadeCluster.Evaluation;

namespace SpadeCluster.Cli.Evaluation.Datasets;

/// <summary>
/// Data sets whose split and truth are in a table of CSV: VisA (Zou et al. 2022), and plain folders with a labels.csv. Columns: image,
/// split (train or test), label (good or normal, or the kind of defect), and if known mask; VisA's also object. Files are relative to the
/// data set's folder. Pixels of a mask that are not black belong to the defect.
/// </summary>
internal static class LabelTable
{
    public const string Visa = "split_csv/1cls.csv", File = "labels.csv";

    public static bool IsVisa(string path) => System.IO.File.Exists(Path.Combine(path, Visa));
    public static bool IsFolder(string path) => System.IO.File.Exists(Path.Combine(path, File));
    public static IReadOnlyList<InspectionDataset> ReadVisa(string path) => Read(path, Path.Combine(path, Visa));
    public static IReadOnlyList<InspectionDataset> ReadFolder(string path) => Read(path, Path.Combine(path, File));

    private sealed record Row(string Category, bool Train, TestImage Image);

    private static InspectionDataset[] Read(string root, string table)
        => [.. Rows(root, table).GroupBy(r => r.Category).OrderBy(g => g.Key, StringComparer.Ordinal)
            .Select(rows => new InspectionDataset(rows.Key, root, [.. rows.Where(r => r.Train).Select(r => r.Image.Path)],
                [.. rows.Where(r => !r.Train).Select(r => r.Image)]).Checked(table, table))];

    private static List<Row> Rows(string root, string table)
    {
        using var csv = CsvReader.FromFile(table,
            new CsvReaderOptions { TrackLineNumbers = true, MalformedData = CsvMalformedDataHandling.Throw });
        var rows = new List<Row>();
        try
        {
            var header = csv.Headers;
            if (header.Count == 0) throw Problem("is empty");
            foreach (string column in new[] { "image", "split", "label" })
                if (!header.Contains(column)) throw Problem($"has no column '{column}'");
            while (csv.Read())
            {
                string Cell(string column) => header.Contains(column) ? csv.GetString(column).Trim() : "";
                string image = Path.Combine(root, Cell("image")), label = Cell("label"), split = Cell("split");
                if (!System.IO.File.Exists(image)) throw Problem($"line {csv.LineNumber}: no file '{image}'");
                if (split is not ("train" or "test"))
                    throw Problem($"line {csv.LineNumber}: the split is '{split}'; write train or test");
                if (label.Length == 0) throw Problem($"line {csv.LineNumber}: the label is empty; write good, or the kind of defect");
                bool good = label is "good" or "normal";
                if (!good && split == "train")
                    throw Problem($"line {csv.LineNumber}: '{image}' is '{label}' and in train; normals only are learned from");
                string category = Cell("object"), mask = Cell("mask");
                rows.Add(new Row(category.Length > 0 ? category : DatasetLayout.NameOf(root), split == "train", new TestImage(image,
                    good ? TestImage.Good : label, good || mask.Length == 0 ? null : Path.Combine(root, mask), MaskAbove: 0)));
            }
        }
        catch (CsvFormatException e)
        {
            throw Problem($"line {e.LineNumber} is not CSV", e);
        }
        return rows.Count > 0 ? rows : throw Problem("has no rows below its header");

        SpadeException Problem(string what, Exception? inner = null) => new(SpadeError.InvalidArgument, $"{table}: {what}", inner);
    }
}
