using System.Diagnostics;
using System.Globalization;
using SpadeCluster.Galleries;

namespace SpadeCluster.Storage.Tests.Support;

/// <summary>
/// The writer that the kill tests start: MEDIUM LOCATION CATEGORY SEED FAULTS. It adds, retires, compacts, compresses, deletes and restores
/// without end, printing on standard output what it is about to do and what is done; at fault point number FAULTS (0: never) it
/// kills itself.
/// </summary>
internal static class KilledWriter
{
    public static async Task<int> RunAsync(string[] args)
    {
        var (medium, location, category) = (Enum.Parse<Medium>(args[0]), args[1], args[2]);
        var random = new Random(int.Parse(args[3], CultureInfo.InvariantCulture));
        int faults = int.Parse(args[4], CultureInfo.InvariantCulture);

        var store = Stores.OpenStore(medium, location);
        var service = Stores.Service(store, "writer");
        await store.ListCategoriesAsync(); // loads what the store needs, so that moments count from the first change
        Say("ready");
        int passed = 0;
        if (faults > 0)
            FaultPoint.Reached = _ =>
            {
                if (++passed == faults) Process.GetCurrentProcess().Kill(); // SIGKILL: no handler, no finally, no flush
            };

        var mine = new List<int>();
        for (int step = 1; ; step++)
        {
            if (step % 4 == 0 && mine.Count > 1)
            {
                int retired = mine[random.Next(mine.Count)];
                Say($"retiring {retired}");
                await service.RetireAsync(category, [$"{retired}.png"], "killer test");
                Say($"retired {retired}");
                mine.Remove(retired);
            }
            else if (step % 7 == 0 && mine.Count > 0)
            {
                await service.DeleteAsync(category, "killer test");
                await service.UndeleteAsync(category, "killer test");
            }
            else if (step % 6 == 0 && mine.Count > 0)
            {
                using var held = await store.LockAsync(category);
                await store.SetCompressionAsync(category, compressed: true);
            }
            else if (step % 5 == 0)
            {
                await service.CompactAsync(category, new Retention(2));
            }
            else
            {
                int[] batch = [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => random.Next())];
                await service.AddAsync(category, Stores.Images(batch));
                Say($"added {string.Join(' ', batch)}");
                mine.AddRange(batch);
            }
        }
    }

    private static void Say(string line)
    {
        Console.Out.WriteLine(line);
        Console.Out.Flush();
    }
}
