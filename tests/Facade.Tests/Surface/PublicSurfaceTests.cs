using System.Reflection;
using System.Xml.Linq;
using NUnit.Framework;

namespace FunctionalDL.Tests;

/// <summary>What a C# user sees: no type of F#'s or of the core's, and a description of everything.</summary>
public class PublicSurfaceTests
{
    private const BindingFlags Visible =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly Assembly Facade = typeof(Tensor).Assembly;

    [Test]
    public void PublicSignatures_NameNoTypeOfFSharpOrTheCore()
    {
        var foreign = Facade.GetExportedTypes().SelectMany(Foreign).Distinct().ToList();

        Assert.That(Facade.GetExportedTypes(), Has.Length.GreaterThan(25), "the test has to see the types");
        Assert.That(foreign, Is.Empty);
    }

    [Test]
    public void TheTestItself_FindsForeignTypes_InEveryPosition()
    {
        var found = Foreign(typeof(Offender)).ToList();

        Assert.That(found, Has.Some.Contains("Option"), "generic argument");
        Assert.That(found, Has.Some.Contains("TakesFunction"), "parameter");
        Assert.That(found, Has.Some.Contains("GivesTuple"), "System.Tuple");
        Assert.That(found, Has.Some.Contains("GivesCore"), "return type");
        Assert.That(found, Has.Some.Contains("base type"), "base type");
    }

    [Test]
    public void EveryPublicMember_HasASummary()
    {
        var file = Path.ChangeExtension(Facade.Location, ".xml");
        Assert.That(file, Does.Exist);
        var documented = XDocument.Load(file).Descendants("member")
            .Where(m => m.Elements().Any(e => e.Name == "inheritdoc" || (e.Name == "summary" && e.Value.Trim().Length >= 4)))
            .Select(m => m.Attribute("name")!.Value.Split('(')[0])
            .ToHashSet();

        var missing = Facade.GetExportedTypes()
            .SelectMany(t => Members(t).Where(m => m is not ConstructorInfo { IsStatic: true }).Select(m => (Type: t, Member: m)))
            .Where(m => !IsGenerated(m.Type, m.Member))
            .Select(m => Id(m.Type, m.Member))
            .Concat(Facade.GetExportedTypes().Select(t => "T:" + Name(t)))
            .Where(id => !documented.Contains(id))
            .ToList();

        Assert.That(documented, Has.Count.GreaterThan(200));
        Assert.That(missing, Is.Empty);
    }

    private static IEnumerable<string> Foreign(Type type)
    {
        IEnumerable<(string Place, Type Type)> Named()
        {
            if (type.BaseType is not null)
            {
                yield return ("base type", type.BaseType);
            }

            foreach (var i in type.GetInterfaces())
            {
                yield return ("interface", i);
            }

            foreach (var member in Members(type))
            {
                foreach (var t in TypesOf(member))
                {
                    yield return (member.Name, t);
                }
            }
        }

        return Named().SelectMany(n => Parts(n.Type).Where(IsForeign).Select(t => $"{type.Name}.{n.Place}: {t.Name}"));
    }

    private static IEnumerable<MemberInfo> Members(Type type) => type.GetMembers(Visible).Where(IsVisible);

    private static bool IsVisible(MemberInfo member) => member switch
    {
        MethodBase m => m.IsPublic || m.IsFamily || m.IsFamilyOrAssembly,
        FieldInfo f => f.IsPublic || f.IsFamily || f.IsFamilyOrAssembly,
        PropertyInfo p => p.GetAccessors(true).Any(IsVisible),
        EventInfo e => e.AddMethod is { } add && IsVisible(add),
        Type t => t.IsNestedPublic || t.IsNestedFamily || t.IsNestedFamORAssem,
        _ => true,
    };

    private static IEnumerable<Type> TypesOf(MemberInfo member) => member switch
    {
        MethodInfo m => m.GetParameters().Select(p => p.ParameterType).Append(m.ReturnType)
            .Concat(m.GetGenericArguments().SelectMany(a => a.GetGenericParameterConstraints())),
        ConstructorInfo c => c.GetParameters().Select(p => p.ParameterType),
        FieldInfo f => [f.FieldType],
        PropertyInfo p => [p.PropertyType],
        EventInfo e => [e.EventHandlerType!],
        _ => [],
    };

    private static IEnumerable<Type> Parts(Type type) =>
        type.HasElementType ? Parts(type.GetElementType()!)
        : type.IsGenericType ? type.GetGenericArguments().SelectMany(Parts).Append(type.GetGenericTypeDefinition())
        : [type];

    private static bool IsForeign(Type type) =>
        type.Assembly.GetName().Name is "FSharp.Core" or "FunctionalDL.Core" or "FunctionalDL.Kernels" or "FunctionalDL.Data"
        || type.FullName?.StartsWith("System.Tuple", StringComparison.Ordinal) == true;

    private static bool IsGenerated(Type type, MemberInfo member) =>
        member is MethodInfo { IsSpecialName: true, Name: var name } && !name.StartsWith("op_", StringComparison.Ordinal)
        || member is FieldInfo { IsSpecialName: true }
        || typeof(Delegate).IsAssignableFrom(type)
        || member.IsDefined(typeof(System.Runtime.CompilerServices.CompilerGeneratedAttribute))
        || (IsRecord(type) && member is ConstructorInfo or MethodInfo { Name: "Deconstruct" or "ToString" or "PrintMembers" })
        || (IsRecord(type) && member is PropertyInfo)
        || (member is ConstructorInfo && IsPrimaryOrDefault(type));

    private static bool IsRecord(Type type) => type.GetMethod("<Clone>$") is not null;

    // A primary constructor is described with its type; a default one has nothing to say.
    private static bool IsPrimaryOrDefault(Type type) => type.GetConstructors(Visible).Length == 1 || type.IsEnum;

    private static string Name(Type type) => type.FullName!.Replace('+', '.');

    private static string Id(Type type, MemberInfo member) => member switch
    {
        ConstructorInfo => $"M:{Name(type)}.#ctor",
        MethodInfo { IsGenericMethodDefinition: true } m => $"M:{Name(type)}.{m.Name}``{m.GetGenericArguments().Length}",
        MethodInfo => $"M:{Name(type)}.{member.Name}",
        PropertyInfo => $"P:{Name(type)}.{member.Name}",
        EventInfo => $"E:{Name(type)}.{member.Name}",
        Type t => $"T:{Name(t)}",
        _ => $"F:{Name(type)}.{member.Name}",
    };

    public class Offender : Core.FunctionalDLException
    {
        public Offender()
            : base("")
        {
        }

        public List<Microsoft.FSharp.Core.FSharpOption<int>> Option { get; } = [];

        public Tuple<int, int> GivesTuple() => Tuple.Create(1, 2);

        public Core.Tensor[] GivesCore() => [];

        public void TakesFunction(Microsoft.FSharp.Core.FSharpFunc<int, int> f) => _ = f;
    }
}
