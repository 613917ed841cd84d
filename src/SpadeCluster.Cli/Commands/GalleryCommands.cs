using System.CommandLine;
using System.Globalization;
using SpadeCluster.Cli.Composition;
using SpadeCluster.Cli.Evaluation.Datasets;
using SpadeCluster.Cli.Output;
using SpadeCluster.Evaluation;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Imaging;
using SpadeCluster.Scoring;
using Spectre.Console;

namespace SpadeCluster.Cli.Commands;

/// <summary>spade gallery add|list|show|calibrate|accept|retire|verify, and those of categories and versions</summary>
internal static class GalleryCommands
{
    public static Command Create()
    {
        var command = new Command("gallery", "Galleries of normal images, one per product category.")
        {
            Add(), List(), Show(), Calibrate(), Accept(), Retire(), RegionCommand.Create(), Verify(),
        };
        foreach (var other in CategoryCommands.All().Concat(GalleryVersionCommands.All())) command.Add(other);
        return command;
    }

    public static Argument<string> Category()
        => new("CATEGORY") { Description = "Name of the product category: letters, digits, '.', '_' and '-'." };

    private static Command Add()
    {
        var category = Category();
        var paths = new Argument<string[]>("IMAGE")
        {
            Description = "Image files, folders of them, or manifests (*.manifest) of Lookout for Vision, of which the normals are added.",
            Arity = ArgumentArity.OneOrMore,
        };
        var (reason, model, json) = (CommonOptions.Reason(required: false), CommonOptions.Model(), CommonOptions.Json());
        var noThumbnails = new Option<bool>("--no-thumbnails")
        {
            Description = "Do not keep a thumbnail of each image (at most 20 KB).",
        };
        var region = new Option<string?>("--region")
        {
            Description = RegionCommand.What + "; a box is in pixels of the first photograph.",
            HelpName = "REGION",
        };
        var trial = new Option<bool>("--trial") { Description = "Begin a trial first: the new version decides nothing ('gallery trial')." };
        var (copies, noCalibration) = (CommonOptions.Copies(), CommonOptions.NoCalibration());
        var command = new Command("add",
            "Add photographs of normal products, then calibrate. A file that cannot be used is reported, and the others are added.\n\n" +
            "Example: spade gallery add bottle photos/good")
        {
            category, paths, reason, model, copies, region, trial, noCalibration, noThumbnails, json,
        };
        var extractor = new DeviceOptions(command);
        var geometry = new GeometryOptions(command);
        var gallery = new GalleryCommandOptions(command, [model, noThumbnails, .. geometry.All, .. extractor.All]);
        var method = new MethodOptions(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            string name = CategoryName.Check(parsed.GetRequiredValue(category));
            var files = Files.Expand(parsed.GetRequiredValue(paths)
                .SelectMany(p => p.EndsWith(LookoutManifest.Ending, StringComparison.Ordinal) ? LookoutManifest.Normals(p) : [p]));
            var asNew = new NewCategory(Copies: parsed.CopiesOf(copies));
            using var opened = gallery.Open(parsed,
                () => new Engines(parsed.GetValue(model), extractor.Read(parsed)).Preparing(m => geometry.Read(parsed, m, files)),
                !parsed.GetValue(noThumbnails));
            var service = opened.Service;
            var mask = parsed.GetValue(region) is { } text ? RegionCommand.Mask(text, files[0]) : null;
            bool exists = (await service.ListAsync(cancellation)).Contains(name, StringComparer.Ordinal);
            var existing = exists ? await service.GetAsync(name, cancellation) : null;
            if (existing is not null) geometry.RefuseOther(parsed, existing, files);
            if (mask is not null && asNew.Copies is { } turned and not Copies.None)
                throw new SpadeException(SpadeError.InvalidArgument,
                    $"copies ({turned.Text()}) show other parts inside a region: leave out --region or --copies");
            if (mask is not null || existing?.Region is not null) method.RefuseReach(parsed);
            // The model of a new category on a server is not known here.
            var featureModel = existing?.Model ?? opened.Local?.Engines.Default.Extractor.Model;
            bool asJson = parsed.GetValue(json);
            // A gallery keeps its settings, except those that options change.
            var settings = method.Read(parsed, await service.ReadSettingsAsync(name, cancellation));
            // Settings that need more images than these are refused before the first image is added.
            int total = (existing?.Images.Count ?? 0) + files.Count;
            if (!parsed.GetValue(noCalibration) && featureModel is not null)
                (settings.FittedTo(total) with { GalleryNeighbours = settings.GalleryNeighbours }).Check(total, featureModel.Levels.Count);
            if (!asJson && opened.Local is { Store: var store } local)
            {
                var engine = existing is null
                    ? ((IFeatureEngines)local.Engines).DefaultFor(asNew) : local.Engines.For(existing.Model, existing.Preprocessing);
                await BuildForecast.WriteAsync(Count(files.Count, "file"), files.Count, engine, store, $"in '{store.Location}'");
            }

            var outcomes = new List<AddOutcome>();
            ImageSource[] sources = [.. files.Select(Files.Source)];
            // Here, the options have been read already: a server decides by the sizes.
            if (opened.Local is null && existing is null)
                asNew = asNew with { Sizes = await PhotographSizes.ReadAsync(sources, cancellation) };
            if (parsed.GetValue(trial) && existing is not { Trial: true })
                await service.BeginTrialAsync(name, parsed.GetValue(reason) ?? "images are added", cancellation);
            var manifest = await ProgressBars.RunAsync(asJson, async progress =>
            {
                var current = await service.AddAsync(name, sources, new InlineProgress<AddOutcome>(o =>
                {
                    outcomes.Add(o);
                    progress("adding", outcomes.Count, files.Count);
                }), parsed.GetValue(reason), asNew, cancellation);
                if (current is not null && mask is not null)
                    current = await service.SetRegionAsync(name, mask, parsed.GetValue(reason) ?? "with the images added", cancellation);
                if (current is null || parsed.GetValue(noCalibration)) return current;
                var calibrated = new InlineProgress<int>(done => progress("calibrating", done, current.Images.Count));
                return await service.CalibrateAgainAsync(current, settings, calibrated, cancellation);
            });
            string[] problems = [.. outcomes.Select(o => o.Problem).OfType<string>()];
            var report = new AddReport(name, manifest?.Version, outcomes.Count(o => o.Status == AddStatus.Added),
                outcomes.Count(o => o.Status == AddStatus.Duplicate), problems, manifest?.Calibration is not null,
                NormalScoreRow.Of(manifest), SuspectRow.Of(manifest));
            if (asJson) CliJson.WriteLine(report, CliJson.Default.AddReport);
            foreach (string problem in problems) Console.Error.WriteLine($"spade: {problem}");
            if (!asJson)
            {
                string version = manifest is null ? "" : $"; version {manifest.Version} with {Count(manifest.Images.Count, "image")}";
                Console.WriteLine($"{name}: {report.Added} added, {report.Duplicates} already there, {problems.Length} failed{version}");
                if (report.Duplicates > 0)
                    Console.WriteLine($"already there: {Some(outcomes.Where(o => o.Status == AddStatus.Duplicate).Select(o => o.Source))}");
                if (manifest?.Calibration is not null) CalibrationText.Write(manifest);
                else if (manifest is not null)
                    Console.WriteLine($"not calibrated: run 'spade gallery calibrate {name}' to get verdicts");
            }
            return problems.Length > 0 ? ExitCodes.BadData : 0;
        });
        return command;
    }

    private static Command List()
    {
        var json = CommonOptions.Json();
        var deleted = new Option<bool>("--deleted") { Description = "List the deleted categories that can be restored." };
        var command = new Command("list", "List categories.\n\nExample: spade gallery list --gallery demo/galleries") { deleted, json };
        var gallery = new GalleryCommandOptions(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            using var opened = gallery.Open(parsed);
            var service = opened.Service;
            if (parsed.GetValue(deleted)) return await CategoryCommands.ListDeletedAsync(service, parsed.GetValue(json), cancellation);
            var rows = new List<GallerySummary>();
            int damaged = 0;
            foreach (string name in await service.ListAsync(cancellation))
            {
                try
                {
                    rows.Add(GallerySummary.Of(await service.GetAsync(name, cancellation)));
                }
                catch (SpadeException e)
                {
                    damaged++;
                    Console.Error.WriteLine($"spade: {name}: {e.Message}");
                }
            }
            if (parsed.GetValue(json))
            {
                CliJson.WriteLine(rows, CliJson.Default.IReadOnlyListGallerySummary);
            }
            else if (rows.Count == 0 && damaged == 0)
            {
                string where = opened.Local is { Store: var store } ? $"in '{store.Location}'" : "on the server";
                Console.WriteLine($"no galleries {where}; add one with 'spade gallery add CATEGORY IMAGE...'");
            }
            else
            {
                var table = new Table().Border(TableBorder.Rounded)
                    .AddColumns("category", "version", "images", "model", "calibrated", "changed", "by");
                foreach (var r in rows)
                {
                    string[] cells = [r.Category, $"{r.Version}", $"{r.Images}", r.Model, r.Calibrated ? "yes" : "no",
                        r.CreatedAt.ToString("u", CultureInfo.InvariantCulture), r.CreatedBy];
                    table.AddRow([.. cells.Select(Markup.Escape)]);
                }
                AnsiConsole.Write(table);
            }
            return damaged > 0 ? ExitCodes.BadData : 0;
        });
        return command;
    }

    private static Command Show()
    {
        var category = Category();
        var json = CommonOptions.Json();
        var command = new Command("show", "Show one category: thresholds and images.\n\nExample: spade gallery show bottle")
        {
            category, json,
        };
        var gallery = new GalleryCommandOptions(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            using var opened = gallery.Open(parsed);
            var m = await opened.Service.GetAsync(parsed.GetRequiredValue(category), cancellation);
            if (parsed.GetValue(json))
            {
                CliJson.WriteLine(GalleryDetails.Of(m), CliJson.Default.GalleryDetails);
                return 0;
            }
            Console.WriteLine($"{m.Category} version {m.Version} ({m.Reason}, {m.CreatedAt:u}, {m.CreatedBy})");
            Console.WriteLine($"model {m.Model.Name} (digest {m.Model.Digest[..12]}), {m.Preprocessing}, {m.Images.Count} images");
            if (m.Region is { } region)
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"inspected: {region.Source} (digest {region.Digest[..12]}), {region.Share:0 %} of the photograph"));
            if (m.Calibration is not null) CalibrationText.Write(m);
            else Console.WriteLine("not calibrated");
            foreach (var i in m.Images) Console.WriteLine($"{i.Id}  {i.AddedAt:u}  {i.Source}");
            return 0;
        });
        return command;
    }

    private static Command Calibrate()
    {
        var category = Category();
        var (model, threads, json) = (CommonOptions.Model(), CommonOptions.Threads(), CommonOptions.Json());
        var defects = new Option<string?>("--defects")
        {
            Description = "Photographs of known defects, or a folder of them: print what each threshold would miss, and the one of least " +
                "expected cost. The thresholds are not changed by it.",
            HelpName = "PATH",
        };
        var costMiss = CommonOptions.Bounded(new Option<double>("--cost-miss")
        {
            Description = "Cost of a missed defect, in the unit of --cost-reject.",
            DefaultValueFactory = _ => 1,
        }, 0, 1e9);
        var costReject = CommonOptions.Bounded(new Option<double>("--cost-reject")
        {
            Description = "Cost of a rejected good part.",
            DefaultValueFactory = _ => 1,
        }, 0, 1e9);
        var command = new Command("calibrate",
            "Learn the thresholds by scoring each normal against the others, with the previous settings except those given.\n\n" +
            "Example: spade gallery calibrate bottle --defects photos/broken --cost-miss 20")
        {
            category, defects, costMiss, costReject, model, threads, json,
        };
        var gallery = new GalleryCommandOptions(command, defects, costMiss, costReject, model, threads);
        var method = new MethodOptions(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            using var opened = gallery.Open(parsed,
                () => new Engines(parsed.GetValue(model), new ExtractorSettings(Threads: parsed.GetValue(threads))));
            var service = opened.Service;
            string name = parsed.GetRequiredValue(category);
            var files = parsed.GetValue(defects) is { } path ? Files.Expand([path]) : [];
            var current = await service.GetAsync(name, cancellation);
            if (current.Region is not null) method.RefuseReach(parsed);
            int images = current.Images.Count;
            var settings = method.Read(parsed, await service.ReadSettingsAsync(name, cancellation));
            var problems = new List<string>();
            var (m, scores) = await ProgressBars.RunAsync(parsed.GetValue(json), async progress =>
            {
                var calibrated = await service.CalibrateAsync(
                    name, settings, new InlineProgress<int>(done => progress("calibrating", done, images)), cancellation);
                List<double> scores = opened.Local is null ? []
                    : await ScoreDefectsAsync(
                        name, files, opened.Local, problems, done => progress("known defects", done, files.Count), cancellation);
                return (calibrated, scores);
            });
            var report = scores.Count == 0 ? null : Report(m, scores, problems, parsed.GetValue(costMiss), parsed.GetValue(costReject));
            foreach (string problem in problems) Console.Error.WriteLine($"spade: {problem}");
            if (parsed.GetValue(json))
            {
                if (report is not null) CliJson.WriteLine(report, CliJson.Default.DefectReport);
                else CliJson.WriteLine(GalleryDetails.Of(m), CliJson.Default.GalleryDetails);
            }
            else
            {
                Console.WriteLine($"{m.Category}: version {m.Version}");
                CalibrationText.Write(m);
                report?.Print(name);
            }
            return problems.Count > 0 ? ExitCodes.BadData : 0;
        });
        return command;
    }

    private static async Task<List<double>> ScoreDefectsAsync(
        string category, IReadOnlyList<string> files, LocalGalleries local, List<string> problems, Action<int> done,
        CancellationToken cancellation)
    {
        using var scoring = new ScoringService(local.Store, local.Engines, threads: local.Engines.Threads);
        var scores = new List<double>();
        foreach (string file in files)
        {
            try
            {
                // A defect that the gate does not localise is missed at any threshold.
                scores.Add((await scoring.ScoreAsync(category, Files.Source(file), cancellation)).Result.Score ?? 0);
            }
            catch (SpadeException e) when (e.Error is SpadeError.InvalidArgument or SpadeError.ResourceExhausted
                || (e.Error is SpadeError.NotFound && e.Message.StartsWith(file, StringComparison.Ordinal)))
            {
                problems.Add(e.Message);
            }
            done(scores.Count + problems.Count);
        }
        return scores;
    }

    private static DefectReport Report(GalleryManifest m, List<double> scores, List<string> problems, double costMiss, double costReject)
    {
        var calibration = m.Calibration!;
        var compared = KnownDefects.Compare(calibration, scores, costMiss, costReject);
        return new DefectReport(GalleryDetails.Of(m), scores.Count, problems,
            KnownDefects.At(calibration, scores, calibration.Theta, costMiss, costReject), KnownDefects.Cheapest(compared), compared);
    }

    private static Command Accept()
    {
        var category = Category();
        var images = new Argument<string[]>("IMAGE")
        {
            Description = "Suspects that are good parts, by id or source name, as 'gallery show' prints them.",
            Arity = ArgumentArity.OneOrMore,
        };
        return GalleryVersionCommands.Change("accept",
            "Accept suspects, which are normals far outside the others, as good parts, so that they count in the thresholds.\n\n" +
            "Example: spade gallery accept bottle 17.png --reason \"bright, but good\"",
            category, images, (service, parsed, reason, stop)
                => service.AcceptAsync(parsed.GetRequiredValue(category), parsed.GetRequiredValue(images), reason, stop));
    }

    private static Command Retire()
    {
        var category = Category();
        var images = new Argument<string[]>("IMAGE")
        {
            Description = "Image ids or source names, as 'gallery show' prints them; or file names or beginnings of ids that fit one " +
                "image only.",
            Arity = ArgumentArity.OneOrMore,
        };
        return GalleryVersionCommands.Change("retire",
            "Remove images from a category, then calibrate. Older versions keep them.\n\n" +
            "Example: spade gallery retire bottle 0123456789abcdef --reason \"blurred\"",
            category, images, (service, parsed, reason, stop)
                => service.RetireAsync(parsed.GetRequiredValue(category), parsed.GetRequiredValue(images), reason, stop));
    }

    private static Command Verify()
    {
        var category = Category();
        var (gallery, json) = (CommonOptions.Gallery(), CommonOptions.Json());
        var command = RemoteOptions.Refuse(new Command("verify",
            "Read every byte of a category and check it.\n\nExample: spade gallery verify bottle")
        {
            category, gallery, json,
        });
        command.SetAction(async (parsed, cancellation) =>
        {
            using var engines = new Engines(null);
            var service = engines.Galleries(GalleryLocation.Open(parsed.GetRequiredValue(gallery)), Environment.UserName);
            var m = await service.GetAsync(parsed.GetRequiredValue(category), cancellation);
            var problems = await ProgressBars.RunAsync(parsed.GetValue(json), async progress =>
                await service.VerifyAsync(
                    m.Category, new InlineProgress<int>(done => progress("verifying", done, m.Images.Count)), cancellation));
            string found = problems.Count == 0 ? "all intact" : $"{problems.Count} damaged";
            var report = new VerifyReport(m.Category, m.Version, m.Images.Count, problems);
            if (parsed.GetValue(json)) CliJson.WriteLine(report, CliJson.Default.VerifyReport);
            else Console.WriteLine($"{m.Category} version {m.Version}: {m.Images.Count} images, {found}");
            foreach (string problem in problems) Console.Error.WriteLine($"spade: {problem}");
            return problems.Count > 0 ? ExitCodes.BadData : 0;
        });
        return command;
    }

    private static string Count(int n, string what) => $"{n} {what}{(n == 1 ? "" : "s")}";

    /// <summary>The first three names, and how many more there are.</summary>
    private static string Some(IEnumerable<string> names)
    {
        string[] all = [.. names];
        return string.Join(", ", all.Take(3)) + (all.Length > 3 ? $" and {all.Length - 3} more" : "");
    }

    /// <summary>Learns the thresholds of a changed gallery, with its previous settings: until then its last version with thresholds is
    /// used.</summary>
    public static async Task<GalleryManifest> CalibratedAsync(
        IGalleryService service, GalleryManifest m, bool quiet, CancellationToken cancellation)
    {
        if (!m.NeedsCalibration() || await service.ReadSettingsAsync(m.Category, cancellation) is not { } settings) return m;
        return await ProgressBars.RunAsync(quiet, async progress => await service.CalibrateAgainAsync(
            m, settings, new InlineProgress<int>(done => progress("calibrating", done, m.Images.Count)), cancellation));
    }

    public static string Thresholds(GalleryManifest m)
        => m.Calibration is { } c ? string.Create(CultureInfo.InvariantCulture, $"theta {c.Theta:G5}")
            : $"not calibrated: images are scored with the newest version that is; run 'spade gallery calibrate {m.Category}'";
}
