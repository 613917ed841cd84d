using System.CommandLine;
using System.Globalization;
using SpadeCluster.Cli.Composition;
using SpadeCluster.Cli.Output;
using SpadeCluster.Features;
using SpadeCluster.Imaging;
using SpadeCluster.Inference;
using SpadeCluster.Inference.Default;
using SpadeCluster.Inference.Import;
using Spectre.Console;

namespace SpadeCluster.Cli.Commands;

/// <summary>spade model list|show|create|import|int8|verify</summary>
internal static class ModelCommands
{
    private const string Embedded = "(embedded)";

    public static Command Create() => new("model", "Feature extractors: the embedded default, and model folders (model.onnx, model.json).") { List(), Show(), CreateDefault(), Import(), Int8(), Verify() };

    private static Argument<string?> Folder() => new("DIR") { Description = "Model folder. Default: the embedded model.", Arity = ArgumentArity.ZeroOrOne };

    private static InferenceModel Open(string? folder) => folder is null ? DefaultModel.Open() : ModelFolder.Open(folder);

    private static Command List()
    {
        var json = CommonOptions.Json();
        var command = new Command("list", $"List the embedded model and those below ./{Engines.ModelsFolder}.\n\nExample: spade model list") { json };
        command.SetAction(parsed =>
        {
            var models = new List<ModelSummary> { Summarise(Embedded, DefaultModel.Open()) };
            int broken = 0;
            foreach (string folder in ModelFolders.In(Engines.ModelsFolder))
            {
                try
                {
                    models.Add(Summarise(folder, ModelFolder.Open(folder)));
                }
                catch (SpadeException e)
                {
                    broken++;
                    Console.Error.WriteLine($"spade: {folder}: {e.Message}");
                }
            }
            if (parsed.GetValue(json))
            {
                CliJson.WriteLine(models, CliJson.Default.IReadOnlyListModelSummary);
                return broken > 0 ? ExitCodes.BadData : 0;
            }
            var table = new Table().Border(TableBorder.Rounded).AddColumns("name", "folder", "input", "levels", "pooled", "digest");
            foreach (var m in models)
                table.AddRow([.. new[] { m.Name, m.Folder, $"{m.InputWidth}x{m.InputHeight}", string.Join(' ', m.Levels), m.PooledLength.ToString(CultureInfo.InvariantCulture), m.Digest[..12] }.Select(Markup.Escape)]);
            AnsiConsole.Write(table);
            return broken > 0 ? ExitCodes.BadData : 0;
        });
        return command;
    }

    private static Command Show()
    {
        var (folder, json) = (Folder(), CommonOptions.Json());
        var command = new Command("show", "Show one model.\n\nExample: spade model show models/wide_resnet50_2") { folder, json };
        command.SetAction(parsed =>
        {
            Print(Summarise(parsed.GetValue(folder) ?? Embedded, Open(parsed.GetValue(folder))), parsed.GetValue(json));
            return 0;
        });
        return command;
    }

    private static Command CreateDefault()
    {
        var output = new Option<string>("--out") { Description = "Folder to write.", HelpName = "DIR", DefaultValueFactory = _ => Path.Combine(Engines.ModelsFolder, DefaultModel.Name) };
        var json = CommonOptions.Json();
        var command = new Command("create", "Write the embedded default model (oriented-energy pyramid) as a model folder.\n\nExample: spade model create --out models/mine") { output, json };
        command.SetAction(parsed =>
        {
            string folder = parsed.GetRequiredValue(output);
            Print(Summarise(folder, DefaultModel.Write(folder)), parsed.GetValue(json));
            return 0;
        });
        return command;
    }

    private static Command Import()
    {
        var architecture = new Argument<string>("ARCH") { Description = $"Architecture: {string.Join(", ", ModelImport.Architectures)}." };
        architecture.AcceptOnlyFromAmong([.. ModelImport.Architectures]);
        var weights = new Option<string>("--weights") { Description = "Published weights with torchvision's tensor names: safetensors, or PyTorch's .pth.", HelpName = "FILE", Required = true };
        var output = new Option<string>("--out") { Description = "Folder to write.", HelpName = "DIR", Required = true };
        var licence = new Option<string?>("--licence") { Description = "What the weights' publisher allows, for the record." };
        var json = CommonOptions.Json();
        var command = new Command("import", "Turn published weights into a model folder; no Python, no code in the file is run.\n\nExample: spade model import wide_resnet50_2 --weights wide_resnet50_2-95faca4d.pth --out models/wide_resnet50_2") { architecture, weights, output, licence, json };
        command.SetAction(parsed =>
        {
            string folder = parsed.GetRequiredValue(output);
            Print(Summarise(folder, ModelImport.Run(parsed.GetRequiredValue(architecture), parsed.GetRequiredValue(weights), folder, parsed.GetValue(licence))), parsed.GetValue(json));
            return 0;
        });
        return command;
    }

    private static Command Int8()
    {
        var folder = new Argument<string>("DIR") { Description = "Model folder." };
        var normals = new Option<string[]>("--normals") { Description = "Photographs of normal products, or folders of them: tens are enough.", HelpName = "PATH", Required = true, AllowMultipleArgumentsPerToken = true };
        var output = new Option<string>("--out") { Description = "Folder to write.", HelpName = "DIR", Required = true };
        var json = CommonOptions.Json();
        var command = new Command("int8", "Turn a model into one that computes in 8-bit integers: a quarter of the size, two to four times as fast with ONNX Runtime on processors with integer dot products. It is another model: galleries are built anew.\n\nExample: spade model int8 models/wide_resnet50_2 --normals photos/good --out models/wide_resnet50_2-int8") { folder, normals, output, json };
        command.SetAction((parsed, cancellation) =>
        {
            var model = ModelFolder.Open(parsed.GetRequiredValue(folder));
            var geometry = Preprocessing.Stretch(model.Manifest.InputWidth, model.Manifest.InputHeight);
            RgbImage[] images = [.. Files.Expand(parsed.GetRequiredValue(normals)).Select(file => geometry.Apply(ImageReader.Default.ReadFile(file)))];
            var converted = SpadeCluster.Inference.OnnxRuntime.Int8Conversion.Run(model, images, cancellation);
            ModelFolder.Write(parsed.GetRequiredValue(output), converted);
            Print(Summarise(parsed.GetRequiredValue(output), converted), parsed.GetValue(json));
            return Task.FromResult(0);
        });
        return command;
    }

    private static Command Verify()
    {
        var (folder, json) = (Folder(), CommonOptions.Json());
        var device = new Option<string>("--device") { Description = "Where to run it: cpu, or cuda:N in a build with -p:Gpu=true.", HelpName = "DEVICE", DefaultValueFactory = _ => ExtractorSettings.Cpu };
        var command = new Command("verify", "Check a model's digest and run it on seeded images: finite features, the promised shapes, the same bits in a batch and alone, and how far another device differs from the CPU.\n\nExample: spade model verify models/wide_resnet50_2") { folder, device, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            var model = Open(parsed.GetValue(folder));
            var verified = await VerifyAsync(model, new(parsed.GetRequiredValue(device)), cancellation);
            if (parsed.GetValue(json))
            {
                CliJson.WriteLine(verified, CliJson.Default.ModelVerified);
                return 0;
            }
            foreach (var r in verified.Outputs) Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{r.Output}: {r.Smallest:G5} to {r.Largest:G5}, mean {r.Mean:G5}"));
            foreach (var d in verified.Differences)
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{d.Output}: largest relative difference from the CPU {d.Relative:G2}"));
            Console.WriteLine($"{verified.Name} (digest {verified.Digest[..12]}) on {verified.Device}: sound");
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

    private static ModelSummary Summarise(string folder, InferenceModel model)
    {
        using var extractor = new ExtractorSettings().Open(model);
        var (m, f) = (model.Manifest, extractor.Model);
        return new ModelSummary(m.Name, folder, model.Digest, f.InputWidth, f.InputHeight, [.. f.Levels.Select(l => l.ToString())], f.PooledLength, f.WeightChannels, m.Licence, m.Origin);
    }

    private static void Print(ModelSummary m, bool json)
    {
        if (json)
        {
            CliJson.WriteLine(m, CliJson.Default.ModelSummary);
            return;
        }
        Console.WriteLine($"{m.Name} in {m.Folder}");
        Console.WriteLine($"input {m.InputWidth}x{m.InputHeight}; levels {string.Join(", ", m.Levels)}; pooled {m.PooledLength}; channel weights {(m.WeightChannels ? "by variance" : "1")}");
        Console.WriteLine($"digest {m.Digest}");
        Console.WriteLine($"licence: {m.Licence}; origin: {m.Origin}");
    }
}
