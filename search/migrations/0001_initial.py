import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
import pgvector.django.halfvec
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Collection',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=120)),
                ('created_by_id', models.UUIDField(blank=True, null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': [django.db.models.functions.text.Lower('name')],
                'constraints': [models.UniqueConstraint(django.db.models.functions.text.Lower('name'), name='collection_name_once')],
            },
        ),
        migrations.CreateModel(
            name='Source',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=200)),
                ('media_type', models.CharField(max_length=120)),
                ('owner_id', models.UUIDField(blank=True, null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('live', models.BooleanField(default=True)),
                ('chunk_count', models.PositiveIntegerField(default=0)),
                ('term_count', models.PositiveBigIntegerField(default=0)),
                ('collection', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='sources', to='search.collection')),
            ],
            options={
                'ordering': ['-created_at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='Posting',
            fields=[
                ('pk', models.CompositePrimaryKey('term', 'source_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('term', models.TextField(db_collation='C')),
                ('entries', models.BinaryField()),
                ('source', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='search.source')),
            ],
        ),
        migrations.CreateModel(
            name='Chunk',
            fields=[
                ('number', models.AutoField(primary_key=True, serialize=False)),
                ('chunk_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('ordinal', models.PositiveIntegerField()),
                ('text', models.TextField()),
                ('start', models.PositiveIntegerField()),
                ('end', models.PositiveIntegerField()),
                ('page', models.PositiveIntegerField(blank=True, null=True)),
                ('heading', models.TextField(blank=True)),
                ('source', models.ForeignKey(on_delete=django.db.models.deletion.DO_NOTHING, related_name='chunks', to='search.source')),
            ],
            options={
                'ordering': ['source', 'ordinal'],
            },
        ),
        migrations.CreateModel(
            name='Vector',
            fields=[
                ('number', models.OneToOneField(db_column='number', db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, primary_key=True, related_name='vector', serialize=False, to='search.chunk')),
                ('embedding', pgvector.django.halfvec.HalfVectorField(dimensions=512)),
                ('source', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='search.source')),
            ],
        ),
        # Vectors stay in their rows, for the exact scan; entries do not compress.
        migrations.RunSQL(
            "ALTER TABLE search_vector ALTER COLUMN embedding SET STORAGE PLAIN;"
            "ALTER TABLE search_posting ALTER COLUMN entries SET STORAGE EXTERNAL;",
            migrations.RunSQL.noop,
        ),
    ]
