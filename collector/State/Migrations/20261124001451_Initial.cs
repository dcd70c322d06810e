using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace RuntimeGuard.Collector.State.Migrations
{
    /// <inheritdoc />
    public partial class Initial : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "alerts",
                columns: table => new
                {
                    Id = table.Column<string>(type: "TEXT", nullable: false),
                    Namespace = table.Column<string>(type: "TEXT", nullable: false),
                    Image = table.Column<string>(type: "TEXT", nullable: false),
                    ContainerId = table.Column<string>(type: "TEXT", nullable: false),
                    ContainerName = table.Column<string>(type: "TEXT", nullable: false),
                    Node = table.Column<string>(type: "TEXT", nullable: false),
                    LineagePid = table.Column<int>(type: "INTEGER", nullable: false),
                    LineageStartUnixNs = table.Column<long>(type: "INTEGER", nullable: false),
                    State = table.Column<int>(type: "INTEGER", nullable: false),
                    Critical = table.Column<bool>(type: "INTEGER", nullable: false),
                    Score = table.Column<double>(type: "REAL", nullable: false),
                    Count = table.Column<long>(type: "INTEGER", nullable: false),
                    FirstUnixNs = table.Column<long>(type: "INTEGER", nullable: false),
                    LastUnixNs = table.Column<long>(type: "INTEGER", nullable: false),
                    ReceivedUnixNs = table.Column<long>(type: "INTEGER", nullable: false),
                    Revision = table.Column<long>(type: "INTEGER", nullable: false),
                    Worst = table.Column<byte[]>(type: "BLOB", nullable: false),
                    Latest = table.Column<byte[]>(type: "BLOB", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_alerts", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "anomalies",
                columns: table => new
                {
                    Id = table.Column<long>(type: "INTEGER", nullable: false)
                        .Annotation("Sqlite:Autoincrement", true),
                    AlertId = table.Column<string>(type: "TEXT", nullable: false),
                    Node = table.Column<string>(type: "TEXT", nullable: false),
                    TimeUnixNs = table.Column<long>(type: "INTEGER", nullable: false),
                    ReceivedUnixNs = table.Column<long>(type: "INTEGER", nullable: false),
                    Data = table.Column<byte[]>(type: "BLOB", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_anomalies", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "audit",
                columns: table => new
                {
                    Id = table.Column<long>(type: "INTEGER", nullable: false)
                        .Annotation("Sqlite:Autoincrement", true),
                    TimeUnixNs = table.Column<long>(type: "INTEGER", nullable: false),
                    User = table.Column<string>(type: "TEXT", nullable: false),
                    Action = table.Column<string>(type: "TEXT", nullable: false),
                    Subject = table.Column<string>(type: "TEXT", nullable: false),
                    Detail = table.Column<string>(type: "TEXT", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_audit", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "bearer_tokens",
                columns: table => new
                {
                    Hash = table.Column<string>(type: "TEXT", nullable: false),
                    User = table.Column<string>(type: "TEXT", nullable: false),
                    Role = table.Column<string>(type: "TEXT", nullable: false),
                    CreatedUnixNs = table.Column<long>(type: "INTEGER", nullable: false),
                    ExpiresUnixNs = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_bearer_tokens", x => x.Hash);
                });

            migrationBuilder.CreateTable(
                name: "join_tokens",
                columns: table => new
                {
                    Id = table.Column<string>(type: "TEXT", nullable: false),
                    SecretHash = table.Column<byte[]>(type: "BLOB", nullable: false),
                    Node = table.Column<string>(type: "TEXT", nullable: false),
                    UsesLeft = table.Column<int>(type: "INTEGER", nullable: false),
                    CreatedUnixNs = table.Column<long>(type: "INTEGER", nullable: false),
                    ExpiresUnixNs = table.Column<long>(type: "INTEGER", nullable: false),
                    CreatedBy = table.Column<string>(type: "TEXT", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_join_tokens", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "nodes",
                columns: table => new
                {
                    Name = table.Column<string>(type: "TEXT", nullable: false),
                    Enrolment = table.Column<string>(type: "TEXT", nullable: false),
                    EnrolledUnixNs = table.Column<long>(type: "INTEGER", nullable: false),
                    CertificateExpiresUnixNs = table.Column<long>(type: "INTEGER", nullable: false),
                    RevokedUnixNs = table.Column<long>(type: "INTEGER", nullable: false),
                    LastHeardUnixNs = table.Column<long>(type: "INTEGER", nullable: false),
                    Hello = table.Column<byte[]>(type: "BLOB", nullable: false),
                    Heartbeat = table.Column<byte[]>(type: "BLOB", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_nodes", x => x.Name);
                });

            migrationBuilder.CreateTable(
                name: "users",
                columns: table => new
                {
                    Name = table.Column<string>(type: "TEXT", nullable: false),
                    PasswordHash = table.Column<string>(type: "TEXT", nullable: false),
                    Role = table.Column<string>(type: "TEXT", nullable: false),
                    CreatedUnixNs = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_users", x => x.Name);
                });

            migrationBuilder.CreateTable(
                name: "watermarks",
                columns: table => new
                {
                    Node = table.Column<string>(type: "TEXT", nullable: false),
                    SpoolId = table.Column<long>(type: "INTEGER", nullable: false),
                    Lane = table.Column<int>(type: "INTEGER", nullable: false),
                    Seq = table.Column<long>(type: "INTEGER", nullable: false),
                    UpdatedUnixNs = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_watermarks", x => new { x.Node, x.SpoolId, x.Lane });
                });

            migrationBuilder.CreateTable(
                name: "workloads",
                columns: table => new
                {
                    Namespace = table.Column<string>(type: "TEXT", nullable: false),
                    Image = table.Column<string>(type: "TEXT", nullable: false),
                    Policy = table.Column<byte[]>(type: "BLOB", nullable: false),
                    Evidence = table.Column<byte[]>(type: "BLOB", nullable: false),
                    FirstSeenUnixNs = table.Column<long>(type: "INTEGER", nullable: false),
                    LastSeenUnixNs = table.Column<long>(type: "INTEGER", nullable: false),
                    Versions = table.Column<string>(type: "TEXT", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_workloads", x => new { x.Namespace, x.Image });
                });

            migrationBuilder.CreateIndex(
                name: "IX_alerts_ContainerId_LineagePid_LineageStartUnixNs_Namespace_Image",
                table: "alerts",
                columns: new[] { "ContainerId", "LineagePid", "LineageStartUnixNs", "Namespace", "Image" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "IX_alerts_LastUnixNs_Id",
                table: "alerts",
                columns: new[] { "LastUnixNs", "Id" });

            migrationBuilder.CreateIndex(
                name: "IX_alerts_Revision",
                table: "alerts",
                column: "Revision",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "IX_anomalies_AlertId_Id",
                table: "anomalies",
                columns: new[] { "AlertId", "Id" });

            migrationBuilder.CreateIndex(
                name: "IX_audit_Subject_Id",
                table: "audit",
                columns: new[] { "Subject", "Id" });

            migrationBuilder.CreateIndex(
                name: "IX_bearer_tokens_ExpiresUnixNs",
                table: "bearer_tokens",
                column: "ExpiresUnixNs");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "alerts");

            migrationBuilder.DropTable(
                name: "anomalies");

            migrationBuilder.DropTable(
                name: "audit");

            migrationBuilder.DropTable(
                name: "bearer_tokens");

            migrationBuilder.DropTable(
                name: "join_tokens");

            migrationBuilder.DropTable(
                name: "nodes");

            migrationBuilder.DropTable(
                name: "users");

            migrationBuilder.DropTable(
                name: "watermarks");

            migrationBuilder.DropTable(
                name: "workloads");
        }
    }
}
