using System.CommandLine;
using System.Globalization;
using SpadeCluster.Cli.Composition;
using SpadeCluster.Cli.Output;
using SpadeCluster.Features;
using SpadeCluster.Imaging;
using SpadeCluster.Inference;
using SpadeCluster.Inference.BuiltIn;
using SpadeCluster.Inference.Import;
using Spectre.Console;

namespace SpadeCluster.Cli.Commands;

/// <summary>spade model list|show|create|import|int8|verify</summary>
internal static class ModelCommands
{
    private const string BuiltIn = "(built in)";

    public static Command Create()
        => new("model", "Feature extractors: the built-in ones, and model folders (model.onnx, model.json).") { List(), Show(),
        CopyBuiltIn(), Import(), Int8(), Verify() };

    private static Argument<string?> Model()
        => new("MODEL")
        {
            Description =
        $"Model folder, or a built-in model: {string.Join(", ", BuiltInModels.Names)}. Default: the first of these.",
            Arity =
        ArgumentArity.ZeroOrOne
        };

    private static Command List()
    {
        var json = CommonOptions.Json();
        var command = new Command("list",
            $"List the built-in models and those below ./{Engines.ModelsFolder}.\n\nExample: spade model list") { json };
        command.SetAction(parsed =>
        {
            var models = new List<ModelSummary>();
            int broken = 0;
            foreach (string name in BuiltInModels.Names.Concat(ModelCatalog.FoldersIn(Engines.ModelsFolder)))
            {
                try
                {
                    models.Add(Summarise(ModelSource.Of(name)));
                }
                catch (SpadeException e)
                {
                    broken++;
                    Console.Error.WriteLine($"spade: {name}: {e.Message}");
                }
            }
            if (parsed.GetValue(json))
            {
                CliJson.WriteLine(models, CliJson.Default.IReadOnlyListModelSummary);
                return broken > 0 ? ExitCodes.BadData : 0;
            }
            var table = new Table().Border(TableBorder.Rounded).AddColumns("name", "folder", "input", "levels", "pooled", "digest");
            foreach (var m in models)
                table.AddRow([.. new[] { m.Name, m.Folder, $"{m.InputWidth}x{m.InputHeight}", string.Join(' ', m.Levels),
                    m.PooledLength.ToString(CultureInfo.InvariantCulture), m.Digest[..12] }.Select(Markup.Escape)]);
            AnsiConsole.Write(table);
            return broken > 0 ? ExitCodes.BadData : 0;
        });
        return command;
    }

    private static Command Show()
    {
        var (folder, json) = (Model(), CommonOptions.Json());
        var command = new Command("show", "Show one model.\n\nExample: spade model show models/wide_resnet50_2") { folder, json };
        command.SetAction(parsed =>
        {
            Print(Summarise(ModelSource.Of(parsed.GetValue(folder))), parsed.GetValue(json));
            return 0;
        });
        return command;
    }

    private static Command CopyBuiltIn()
    {
        var name = new Argument<string>("NAME")
        {
            Description = $"Built-in model: {string.Join(", ", BuiltInModels.Names)}.",
            DefaultValueFactory = _ => BuiltInModels.Default
        };
        name.AcceptOnlyFromAmong([.. BuiltInModels.Names]);
        var output = new Option<string>("--out") { Description = "Folder to write.", HelpName = "DIR", Required = true };
        var json = CommonOptions.Json();
        var command = new Command("create",
            "Write a built-in model as a model folder, for changing its model.json.\n\nExample: spade model create resnet18 --out " +
            "models/mine") { name, output, json };
        command.SetAction(parsed =>
        {
            string folder = parsed.GetRequiredValue(output);
            ModelFolder.Write(folder, BuiltInModels.Open(parsed.GetRequiredValue(name)));
            Print(Summarise(ModelSource.In(folder)), parsed.GetValue(json));
            return 0;
        });
        return command;
    }

    private static Command Import()
    {
        var architecture = new Argument<string>("ARCH") { Description = $"Architecture: {string.Join(", ", ModelImport.Architectures)}." };
        architecture.AcceptOnlyFromAmong([.. ModelImport.Architectures]);
        var weights = new Option<string>("--weights")
        {
            Description =
            "Published weights with torchvision's tensor names: safetensors, or PyTorch's .pth.",
            HelpName = "FILE",
            Required = true
        };
        var output = new Option<string>("--out") { Description = "Folder to write.", HelpName = "DIR", Required = true };
        var aggregate = CommonOptions.Bounded(new Option<int>("--aggregate")
        {
            Description =
            "Average each level over N x N cells (an odd number): locally aware features. Also scales the levels if the architecture's "
            + "scales are known. 1: no averaging.",
            HelpName = "N",
            DefaultValueFactory = _ => 1
        }, 1, ModelManifest.LargestAggregate);
        var licence = new Option<string?>("--licence") { Description = "Licence of the weights, for the record." };
        var json = CommonOptions.Json();
        var command = new Command("import",
            "Convert published weights to a model folder; needs no Python, and executes no code in the file.\n\nExample: spade model "
            + "import wide_resnet50_2 --weights wide_resnet50_2-95faca4d.pth --out "
            + "models/wide_resnet50_2") { architecture, weights, output,
            aggregate, licence, json };
        command.SetAction(parsed =>
        {
            string folder = parsed.GetRequiredValue(output);
            ModelImport.Run(parsed.GetRequiredValue(architecture), parsed.GetRequiredValue(weights), folder, parsed.GetValue(licence),
                parsed.GetValue(aggregate));
            Print(Summarise(ModelSource.In(folder)), parsed.GetValue(json));
            return 0;
        });
        return command;
    }

    private static Command Int8()
    {
        var folder = new Argument<string>("MODEL") { Description = "Model folder, or the name of a built-in model." };
        var normals = new Option<string[]>("--normals")
        {
            Description =
            "Photographs of normal parts, or folders of them; some tens are enough.",
            HelpName = "PATH",
            Required = true,
            AllowMultipleArgumentsPerToken = true
        };
        var output = new Option<string>("--out") { Description = "Folder to write.", HelpName = "DIR", Required = true };
        var json = CommonOptions.Json();
        var command = new Command("int8",
            "Convert a model to 8-bit integers: a quarter of the size, two to four times as fast with ONNX Runtime " +
            "on processors with integer dot products. It is another model, so galleries have to be built again.\n\nExample: spade model "
            + "int8 models/wide_resnet50_2 --normals photos/good --out models/wide_resnet50_2-int8") { folder, normals, output, json };
        command.SetAction((parsed, cancellation) =>
        {
            var model = ModelSource.Of(parsed.GetRequiredValue(folder)).Open();
            var geometry = Preprocessing.Stretch(model.Manifest.InputWidth, model.Manifest.InputHeight);
            RgbImage[] images = [.. Files.Expand(parsed.GetRequiredValue(normals)).Select(file
                => geometry.Apply(ImageReader.Default.ReadFile(file)))];
            var converted = SpadeCluster.Inference.OnnxRuntime.Int8Conversion.Run(model, images, cancellation);
            ModelFolder.Write(parsed.GetRequiredValue(output), converted);
            Print(Summarise(ModelSource.In(parsed.GetRequiredValue(output))), parsed.GetValue(json));
            return Task.FromResult(0);
        });
        return command;
    }

    private static Command Verify()
    {
        var (folder, json) = (Model(), CommonOptions.Json());
        var device = CommonOptions.Device();
        var command = new Command("verify",
            "Check a model's digest and run it on seeded images: finite features, the same bits in a batch and " +
            "alone, and the difference of another device from the CPU.\n\nExample: spade model verify models/wide_resnet50_2") { folder,
            device, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            var model = ModelSource.Of(parsed.GetValue(folder)).Open();
            var verified = await VerifyAsync(model, new(parsed.GetRequiredValue(device)), cancellation);
            if (parsed.GetValue(json))
            {
                CliJson.WriteLine(verified, CliJson.Default.ModelVerified);
                return 0;
            }
            foreach (var r in verified.Outputs) Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{r.Output}: {r.Smallest:G5} to {r.Largest:G5}, mean {r.Mean:G5}"));
            foreach (var d in verified.Differences)
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{d.Output}: largest relative difference from the CPU {d.Relative:G2}"));
            Console.WriteLine($"{verified.Name} (digest {verified.Digest[..12]}) on {verified.Device}: all checks passed");
            return 0;
        });
        return command;
    }

    private static async Task<ModelVerified> VerifyAsync(InferenceModel model, ExtractorSettings settings, CancellationToken cancellation)
    {
        using var extractor = settings.Open(model);
        var ranges = await ModelVerification.RunAsync(extractor, cancellation: cancellation);
        IReadOnlyList<double> differences = [];
        if (settings.Options.Device.Cuda is not null)
        {
            using var cpu = new ExtractorSettings().Open(model);
            differences = await ModelVerification.CompareAsync(cpu, extractor, cancellation: cancellation);
        }
        return new(model.Manifest.Name, model.Digest, extractor.Health.Provider, extractor.Health.Device,
            [.. ranges.Select(r => new ModelOutputRange(r.Name, r.Smallest, r.Largest, r.Mean))],
            [.. differences.Select((d, i) => new ModelOutputDifference(ranges[i].Name, d))]);
    }

    private static ModelSummary Summarise(ModelSource model)
    {
        using var extractor = new ExtractorSettings().Open(model.Open());
        var (m, f) = (model.Manifest, extractor.Model);
        return new ModelSummary(m.Name, model.Location ?? BuiltIn, model.Digest, f.InputWidth, f.InputHeight,
            [.. f.Levels.Select(l => l.ToString())], m.Aggregate, f.PooledLength, f.WeightChannels, m.Licence, m.Origin);
    }

    private static void Print(ModelSummary m, bool json)
    {
        if (json)
        {
            CliJson.WriteLine(m, CliJson.Default.ModelSummary);
            return;
        }
        Console.WriteLine($"{m.Name} in {m.Folder}");
        Console.WriteLine($"input {m.InputWidth}x{m.InputHeight}; levels " +
            $"{string.Join(", ", m.Levels)}{(m.Aggregate > 1 ? $", each cell the mean over {m.Aggregate}x{m.Aggregate} cells" : "")}; " +
            $"pooled {m.PooledLength}; channel weights {(m.WeightChannels ? "by variance" : "1")}");
        Console.WriteLine($"digest {m.Digest}");
        Console.WriteLine($"licence: {m.Licence}; origin: {m.Origin}");
    }
}
